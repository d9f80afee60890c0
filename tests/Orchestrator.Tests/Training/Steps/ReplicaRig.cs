using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Orchestrator.Collectives;
using Orchestrator.Core;
using Orchestrator.Tests.Collectives;
using Orchestrator.Tests.Training.Models;
using Orchestrator.Training;
using Orchestrator.Training.Data;
using Orchestrator.Training.Models;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Steps;

/// <summary>A model, its rows and a job in a temporary folder, and replicas of it that train through real groups.</summary>
internal sealed class ReplicaRig : IDisposable
{
    private readonly Dictionary<string, string> _files = [];

    public ReplicaRig() => Root = Directory.CreateTempSubdirectory("replica-").FullName;

    public string Root { get; }

    public ReplicaOptions Options { get; set; } = new()
    {
        Threads = 1,
        Optimizer = new() { Name = "rmsprop" },
        Schedule = new() { LearningRate = 1e-4, WarmupSteps = 2 },
        BucketBytes = 16 * 1024,
    };

    public Job Job { get; set; } = null!;

    /// <summary>A tiny model with random rows of uneven lengths.</summary>
    public static ReplicaRig Tiny(string kind, int pairs, int pairsPerStep, int pairsPerLeaf, long steps, int evaluationPairs = 0)
    {
        var rig = new ReplicaRig();
        using (var model = TinyModel.Create(kind))
        {
            ModelDirectory.Save(model, null, Path.Combine(rig.Root, "model"));
        }

        rig.AddFolder("model", Path.Combine(rig.Root, "model"));
        rig.AddRows("train", RandomRows(pairs, 5));
        rig.Job = new Job { RunId = "test", RunFile = "", Plan = new PlanOptions(3, pairs, pairsPerStep, pairsPerLeaf, MaxSteps: steps) };
        if (evaluationPairs > 0)
        {
            rig.AddRows("eval", RandomRows(evaluationPairs, 6));
            rig.Job = rig.Job with { EvaluationSets = [new EvaluationSet("eval", evaluationPairs, 3)] };
        }

        return rig;
    }

    public static IEnumerable<(int[], int[], int[])> RandomRows(int count, long seed)
    {
        var random = new SplitMix64(seed);
        return [.. Enumerable.Range(0, count).Select(row => (
            TinyModel.Ids(1 + random.Next(9), seed + row * 3), TinyModel.Ids(1 + random.Next(12), seed + row * 3 + 1), TinyModel.Ids(1 + random.Next(12), seed + row * 3 + 2)))];
    }

    public void AddFolder(string name, string directory)
    {
        foreach (var path in Directory.EnumerateFiles(directory))
        {
            _files[$"{name}/{Path.GetFileName(path)}"] = path;
        }
    }

    /// <param name="label">Given for rows of one completion that bear labels.</param>
    /// <param name="margin">Given for pairs that bear margins of rewards.</param>
    public void AddRows(string set, IEnumerable<(int[] Prompt, int[] Chosen, int[] Rejected)> rows, Func<int, bool>? label = null, Func<int, double>? margin = null)
    {
        var path = Path.Combine(Root, $"{set}.pairs");
        using var writer = new EncodedPairsWriter(path, rows.First().Rejected.Length > 0 ? 2 : 1, label is not null ? RowNote.Label : margin is not null ? RowNote.RewardMargin : RowNote.None);
        foreach (var (prompt, chosen, rejected) in rows)
        {
            writer.Add(prompt, chosen, rejected, desirable: label?.Invoke(writer.Count), rewardMargin: margin?.Invoke(writer.Count));
        }

        writer.Commit();
        _files[$"pairs/{set}.pairs"] = path;
    }

    public Task<IReplica> CreateAsync(IBufferProvider memory) =>
        new ReplicaFactory(Options).CreateAsync(Job, _files, memory, CancellationToken.None);

    /// <summary>Trains from the job's start to <paramref name="until"/>; the trace of rank 0 and the weights' hash, which all ranks must share.</summary>
    public async Task<Trained> TrainAsync(int workers, long until, Func<IReplica, Task>? atEnd = null)
    {
        await using var harness = await RankHarness.StartAsync(workers, workers % 2 == 0 ? Way.Reference : Way.Grpc);
        var replicas = await Task.WhenAll(harness.Servers.Select(server => CreateAsync(server.Memory)));
        try
        {
            var steps = new List<(StagedStep, ImmutableArray<MetricSum>)>();
            for (var step = Job.StartStep; step < until; step++)
            {
                steps.Add(await StepAsync(replicas, harness.Groups, new StepId(1, 1, step, 0)));
            }

            await (atEnd?.Invoke(replicas[0]) ?? Task.CompletedTask);
            var hashes = replicas.Select(HashOf).Distinct().ToArray();
            Assert.Single(replicas.Select(replica => replica.StateDigest).Distinct());
            return new Trained(Assert.Single(hashes), replicas[0].StateDigest, [.. steps.Select(s => s.Item1)], [.. steps.Select(s => s.Item2)]);
        }
        finally
        {
            foreach (var replica in replicas)
            {
                await replica.DisposeAsync();
            }
        }
    }

    /// <summary>One step on all ranks: computed, compared, applied.</summary>
    public async Task<(StagedStep First, ImmutableArray<MetricSum> Metrics)> StepAsync(IReplica[] replicas, IGradientExchange[] groups, StepId id)
    {
        var leaves = Job.Plan.ToPlan().LeavesInStep(id.Step);
        var deal = Deal.Even(leaves, replicas.Length);
        var staged = await Task.WhenAll(replicas.Select((replica, rank) =>
            replica.ComputeAsync(new StepWork(id, leaves, deal, rank), groups[rank], CancellationToken.None))).WaitAsync(RankHarness.Patience);
        Assert.Single(staged.Select(s => (s.GradientDigest, s.GradientNorm, s.LearningRate, s.Finite, s.StateDigest)).Distinct());
        await Task.WhenAll(replicas.Select(replica => replica.ApplyAsync(id, CancellationToken.None)));
        return (staged[0], LeafSums.Total(staged.SelectMany(s => s.Sums)));
    }

    public static string HashOf(IReplica replica) => Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(replica.State[0].Buffer.Span)));

    public void Dispose() => Directory.Delete(Root, recursive: true);
}

internal sealed record Trained(string Weights, ulong Digest, ImmutableArray<StagedStep> Steps, ImmutableArray<ImmutableArray<MetricSum>> Metrics)
{
    public IEnumerable<double> Losses => Metrics.Select(step => step.Single(metric => metric.Name == "loss").Value);
}
