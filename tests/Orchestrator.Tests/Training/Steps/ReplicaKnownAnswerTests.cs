using System.Collections.Immutable;
using System.Text.Json;
using Orchestrator.Core;
using Orchestrator.Tests.Collectives;
using Orchestrator.Tests.Training.Models;
using Orchestrator.Training.Models;
using Orchestrator.Training.Optimizers;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Steps;

/// <summary>Gradients and training losses against numbers computed elsewhere in float64.</summary>
public sealed class ReplicaKnownAnswerTests
{
    public static TheoryData<string, string> Runs
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var name in KnownModel.All)
            {
                data.Add(name, "sgd");
                data.Add(name, "adamw");
            }

            return data;
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Runs))]
    public async Task Five_steps_have_the_known_losses_and_gradient_norms(string name, string optimizer)
    {
        using var known = KnownModel.Load(name);
        var run = known.Expected.GetProperty("dpo").GetProperty("training").EnumerateArray().Single(item => item.GetProperty("optimizer").GetString() == optimizer);
        using var rig = RigOf(known, run.GetProperty("pair_indices"), steps: 6, perLeaf: 2);
        rig.Options = rig.Options with
        {
            Optimizer = new OptimizerOptions { Name = optimizer, WeightDecay = optimizer == "adamw" ? run.GetProperty("weight_decay").GetDouble() : 0 },
            Schedule = new ScheduleOptions { LearningRate = run.GetProperty("lr").GetDouble(), WarmupSteps = 0 },
            MaxGradNorm = optimizer == "adamw" ? run.GetProperty("clip_grad_norm").GetDouble() : null,
        };
        var trained = await rig.TrainAsync(workers: 1, until: 6);
        Close(KnownModel.Numbers(run.GetProperty("loss_before_each_step_and_after_last")), trained.Losses, known.Tolerance("training_loss_abs"), relative: 0);
        Close(KnownModel.Numbers(run.GetProperty("grad_norm_before_clipping")), trained.Steps.Select(step => step.GradientNorm).Take(5), 0, relative: 5e-4);
    }

    [SkippableTheory]
    [MemberData(nameof(KnownModel.Names), MemberType = typeof(KnownModel))]
    public async Task The_reduced_gradient_is_the_known_one_for_every_parameter(string name)
    {
        using var known = KnownModel.Load(name);
        foreach (var batch in known.Expected.GetProperty("dpo").GetProperty("batches").EnumerateArray())
        {
            using var rig = RigOf(known, batch.GetProperty("pair_indices"), steps: 1, perLeaf: 3);
            rig.Options = rig.Options with { Objective = new() { Beta = batch.GetProperty("beta").GetDouble() } };
            await CheckAsync(rig, known, batch);
        }
    }

    private static async Task CheckAsync(ReplicaRig rig, KnownModel known, JsonElement batch)
    {
        await using var harness = await RankHarness.StartAsync(2, Way.Reference);
        var recorders = harness.Groups.Select(group => new RecordingExchange(group)).ToArray();
        var replicas = await Task.WhenAll(harness.Servers.Select(server => rig.CreateAsync(server.Memory)));
        var (staged, metrics) = await rig.StepAsync(replicas, recorders, new StepId(1, 1, 0, 0));
        Assert.Equal(batch.GetProperty("loss").GetDouble(), metrics[0].Value, known.Tolerance("sigmoid_loss_abs"));
        var norm = batch.GetProperty("grad_norm").GetDouble();
        Assert.Equal(1, staged.GradientNorm / norm, known.Tolerance("grad_norm_rel"));
        var gradient = recorders[1].Gradient().Select(sum => sum / 4.0).ToArray();
        var norms = batch.GetProperty("grad_norm_per_tensor");
        foreach (var entry in FlatLayout.Of(known.Model).Entries)
        {
            var expected = norms.GetProperty(entry.Name).GetDouble();
            var part = gradient.AsSpan((int)entry.Start, (int)entry.Length).ToArray();
            Assert.True(Math.Abs(Math.Sqrt(part.Sum(value => value * value)) - expected) <= 1e-4 * norm, entry.Name);
            if (batch.GetProperty("grad_first8").TryGetProperty(entry.Name, out var first))
            {
                Close(KnownModel.Numbers(first), part.Take(8), 1e-4 * expected, relative: 0);
            }
        }

        await Task.WhenAll(replicas.Select(replica => replica.DisposeAsync().AsTask()));
    }

    private static ReplicaRig RigOf(KnownModel known, JsonElement indices, long steps, int perLeaf)
    {
        var rig = new ReplicaRig();
        var dpo = known.Expected.GetProperty("dpo");
        rig.AddFolder("model", known.Directory);
        rig.AddFolder("reference", known.SaveReference(Path.Combine(rig.Root, "reference")));
        var pairs = dpo.GetProperty("pairs").EnumerateArray().ToArray();
        rig.AddRows("train", [.. KnownModel.Ids(indices).Select(index => pairs[index]).Select(pair => (Row(pair, "prompt_ids"), Row(pair, "chosen_ids"), Row(pair, "rejected_ids")))]);
        var count = indices.GetArrayLength();
        rig.Job = new Job { RunId = "test", RunFile = "", Plan = new PlanOptions(0, count, count, perLeaf, MaxSteps: steps, Shuffle: false) };
        return rig;
    }

    private static int[] Row(JsonElement pair, string name) => [.. KnownModel.Ids(pair.GetProperty(name)).Select(id => (int)id)];

    private static void Close(double?[] expected, IEnumerable<double> found, double absolute, double relative)
    {
        var actual = found.ToArray();
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.True(
            Math.Abs(pair.First!.Value - pair.Second) <= absolute + relative * Math.Abs(pair.First.Value), $"expected {pair.First}, found {pair.Second}"));
    }
}

/// <summary>Keeps what an exchange gave.</summary>
internal sealed class RecordingExchange(IGradientExchange inner) : IGradientExchange
{
    private readonly SortedDictionary<int, float[]> _buckets = [];

    public float[] Gradient() => [.. _buckets.Values.SelectMany(bucket => bucket)];

    public async Task AllReduceAsync(
        StepId id, int bucket, CanonicalTree tree, IReadOnlyList<ImmutableArray<TreeNode>> nodes, IReadOnlyList<FloatBuffer> mine, FloatBuffer result, CancellationToken cancellation)
    {
        await inner.AllReduceAsync(id, bucket, tree, nodes, mine, result, cancellation);
        lock (_buckets)
        {
            _buckets[bucket] = result.Span.ToArray();
        }
    }
}
