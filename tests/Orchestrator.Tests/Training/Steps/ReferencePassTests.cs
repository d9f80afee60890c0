using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Tests.Collectives;
using Orchestrator.Training;
using Orchestrator.Training.Checkpoints;

namespace Orchestrator.Tests.Training.Steps;

/// <summary>The reference's values computed before the first step, whoever computed which of them, and the reference gone from then on.</summary>
public sealed class ReferencePassTests : IDisposable
{
    private const int Pairs = 13;
    private readonly string _folder = Directory.CreateTempSubdirectory("pass-").FullName;

    [Fact]
    public async Task Workers_that_share_the_pass_hold_all_values_and_no_reference_and_end_in_the_bits_of_one()
    {
        using var rig = Rig();
        var alone = await rig.TrainAsync(1, 3);
        await using var harness = await RankHarness.StartAsync(3, Way.Grpc);
        var replicas = await CreateAsync(rig, harness);
        Assert.All(replicas, replica => Assert.True(replica.HoldsReference));
        await PassAsync(replicas[0], 0, 3);   // rows 0 to 8
        await PassAsync(replicas[2], 3, 1);   // of the two left nobody is asked: a worker that had them was lost
        await TrainAsync(rig, replicas, harness, 3);
        Assert.Equal(alone.Weights, ReplicaRig.HashOf(replicas[1]));
        Assert.All(replicas, replica => Assert.False(replica.HoldsReference));
        var values = replicas.Select(replica => replica.State[^1].Buffer.Span.ToArray()).ToArray();
        Assert.Equal(values[0], values[1]);
        Assert.Equal(values[0], values[2]);
        Assert.DoesNotContain(float.NaN, values[0]);
        await DisposeAsync(replicas);
    }

    // Each process appends what it computes: 12 bytes a record beside its values, so the files tell how often a row was computed.
    [Fact]
    public async Task No_row_is_computed_twice_also_after_an_attempt_that_failed()
    {
        using var rig = Rig();
        rig.Options = rig.Options with { ReferenceCache = _folder };
        var undisturbed = await rig.TrainAsync(1, 3);
        Assert.Equal(Pairs, Records());
        Directory.Delete(_folder, recursive: true);
        await using var harness = await RankHarness.StartAsync(2, Way.Reference);
        var replicas = await CreateAsync(rig, harness);
        await PassAsync(replicas[0], 0, 2);
        var three = Deal.Even(3, 3);
        await Task.WhenAll(replicas.Select((replica, rank) => Assert.ThrowsAsync<CollectiveException>(() =>
            replica.ComputeAsync(new StepWork(new StepId(1, 0, 0, 0), 3, three, rank), new BrokenExchange(), CancellationToken.None))));
        await TrainAsync(rig, replicas, harness, 3);
        Assert.Equal(undisturbed.Weights, ReplicaRig.HashOf(replicas[1]));
        Assert.Equal(Pairs, Records());
        await DisposeAsync(replicas);
    }

    [Fact]
    public async Task Who_joins_takes_the_values_with_the_weights_and_lets_its_reference_go()
    {
        using var rig = Rig();
        var undisturbed = await rig.TrainAsync(1, 3);
        await using var harness = await RankHarness.StartAsync(2, Way.Reference);
        await using var one = await RankHarness.StartAsync(1);
        var replicas = await CreateAsync(rig, harness);
        await TrainAsync(rig, [replicas[0]], one, 2);
        await replicas[0].RefreshStateAsync(CancellationToken.None);
        foreach (var (from, to) in replicas[0].State.Zip(replicas[1].State))
        {
            from.Buffer.Span.CopyTo(to.Buffer.Span);
        }

        await replicas[1].AdoptAsync(2, replicas[0].StateDigest, CancellationToken.None);
        Assert.False(replicas[1].HoldsReference);
        await rig.StepAsync([.. replicas], harness.Groups, new StepId(1, 1, 2, 0));
        Assert.Equal(undisturbed.Weights, ReplicaRig.HashOf(replicas[1]));
        Assert.False(replicas[1].HoldsReference);
        await DisposeAsync(replicas);
    }

    [Fact]
    public async Task A_resumed_run_finds_what_it_computed_on_disk_and_without_it_computes_the_same()
    {
        using var rig = Rig();
        rig.Options = rig.Options with { ReferenceCache = _folder };
        var undisturbed = await rig.TrainAsync(1, 3);
        var directory = Path.Combine(rig.Root, "checkpoints", CheckpointFolder.NameOf(2));
        await rig.TrainAsync(2, 2, replica => replica.SaveAsync(directory, 1, CancellationToken.None));
        rig.AddFolder("checkpoint", directory);
        rig.Job = rig.Job with { StartStep = 2, StateDigest = CheckpointFolder.Open(directory).State.Digest };
        var records = Records();
        Assert.Equal(undisturbed.Weights, (await rig.TrainAsync(2, 3)).Weights);
        Assert.Equal(records, Records());
        rig.Options = rig.Options with { ReferenceCache = null };
        Assert.Equal(undisturbed.Weights, (await rig.TrainAsync(1, 3)).Weights);
    }

    [Fact]
    public async Task Held_out_rows_are_part_of_the_pass_and_cost_no_reference_afterwards()
    {
        using var rig = ReplicaRig.Tiny("llama", Pairs, 5, 2, steps: 3, evaluationPairs: 4);
        rig.Options = rig.Options with { Reference = ReferenceMode.Precompute };
        rig.Job = rig.Job with { Reference = new ReferencePlan(Pairs + 4, 3) };
        await using var harness = await RankHarness.StartAsync(1);
        var replicas = await CreateAsync(rig, harness);
        await TrainAsync(rig, replicas, harness, 1);
        var sums = await replicas[0].EvaluateAsync("eval", [new LeafRange(0, 2)], CancellationToken.None);
        Assert.Equal(4, LeafSums.Total(sums)[0].Weight);
        Assert.False(replicas[0].HoldsReference);
        await DisposeAsync(replicas);
    }

    public void Dispose()
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    private static ReplicaRig Rig()
    {
        var rig = ReplicaRig.Tiny("llama", Pairs, pairsPerStep: 5, pairsPerLeaf: 2, steps: 3);
        rig.Options = rig.Options with { Reference = ReferenceMode.Precompute };
        string[] names = ["model/model.safetensors", "pairs/train.pairs"];
        rig.Job = rig.Job with { Reference = new ReferencePlan(Pairs, 3), Files = [.. names.Select(name => new JobFile(name, name, 1, ""))] };
        return rig;
    }

    private static async Task<Replica[]> CreateAsync(ReplicaRig rig, RankHarness harness) =>
        [.. (await Task.WhenAll(harness.Servers.Select(server => rig.CreateAsync(server.Memory)))).Cast<Replica>()];

    private static Task<IReadOnlyList<LeafSums>> PassAsync(Replica replica, int first, int count) => replica.EvaluateAsync(ReferencePlan.SetName, [new LeafRange(first, count)], CancellationToken.None);

    private static async Task TrainAsync(ReplicaRig rig, Replica[] replicas, RankHarness harness, long until)
    {
        for (var step = 0L; step < until; step++)
        {
            await rig.StepAsync([.. replicas], harness.Groups, new StepId(1, 1, step, 1));
        }
    }

    private static Task DisposeAsync(IEnumerable<Replica> replicas) => Task.WhenAll(replicas.Select(replica => replica.DisposeAsync().AsTask()));

    private int Records() => Directory.GetFiles(_folder).Sum(file =>
    {
        var (bytes, count, at) = (File.ReadAllBytes(file), 0, 0);
        for (; at < bytes.Length; count++)
        {
            at += 16 + 4 * BitConverter.ToInt32(bytes, at + 4);
        }

        return count;
    });
}
