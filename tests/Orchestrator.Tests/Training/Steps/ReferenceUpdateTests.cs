using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Orchestrator.Core;
using Orchestrator.Tests.Collectives;
using Orchestrator.Tests.Training.Models;
using Orchestrator.Training;
using Orchestrator.Training.Checkpoints;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;

namespace Orchestrator.Tests.Training.Steps;

/// <summary>TR-DPO: a reference that follows the policy is state like the weights, on every worker and through every interruption.</summary>
public sealed class ReferenceUpdateTests
{
    // α = 0.25 every 2 steps: r₂ = 0.75 w₀ + 0.25 w₂, r₄ = 0.75 r₂ + 0.25 w₄.
    [Fact]
    public async Task The_reference_takes_its_share_of_the_policy_every_so_many_steps()
    {
        using var rig = Rig("llama", steps: 5);
        await using var harness = await RankHarness.StartAsync(1);
        await using var replica = await rig.CreateAsync(harness.Servers[0].Memory);
        Assert.Equal(["weights", "square_avg", "reference"], replica.State.Select(part => part.Name));
        var (start, weights, references) = (Values(replica, 0), new List<float[]>(), new List<float[]>());
        Assert.Equal(start, Values(replica, ^1));
        for (var step = 0; step < 5; step++)
        {
            await rig.StepAsync([replica], harness.Groups, new StepId(1, 1, step, 0));
            weights.Add(Values(replica, 0));
            references.Add(Values(replica, ^1));
        }

        Assert.Equal(start, references[0]);
        Close(Mixed(start, weights[1]), references[1]);
        Assert.Equal(references[1], references[2]);
        Close(Mixed(references[1], weights[3]), references[3]);
        Assert.Equal(references[3], references[4]);
        Assert.NotEqual(start, references[4]);
    }

    [Fact]
    public async Task A_reference_that_copies_the_policy_after_every_step_finds_no_preference()
    {
        using var rig = Rig("llama", steps: 4);
        rig.Options = rig.Options with { ReferenceUpdate = new() { MixupAlpha = 1, EverySteps = 1 } };
        var trained = await rig.TrainAsync(2, 4);
        Assert.All(trained.Losses, loss => Assert.Equal(Math.Log(2), loss, 1e-12));
        Assert.Equal(trained.Weights, (await rig.TrainAsync(1, 4, replica =>
        {
            Assert.Equal(Values(replica, 0), Values(replica, ^1));
            return Task.CompletedTask;
        })).Weights);
        rig.Options = rig.Options with { ReferenceUpdate = null };
        Assert.All((await rig.TrainAsync(1, 4)).Losses.Skip(1), loss => Assert.NotEqual(Math.Log(2), loss, 1e-9));
    }

    [Theory]
    [InlineData("sigmoid")]
    [InlineData("aot")]
    public async Task Policy_and_reference_are_the_same_to_the_last_bit_for_any_number_of_workers(string loss)
    {
        using var rig = Rig("gpt2", steps: 5);
        rig.Options = rig.Options with { Objective = new() { LossType = [loss] } };
        var hashes = new HashSet<string>();
        Task Keep(IReplica replica) => Task.FromResult(hashes.Add(HashOf(replica)));
        var one = await rig.TrainAsync(1, 5, Keep);
        Assert.Equal(5, one.Losses.Distinct().Count());
        foreach (var workers in new[] { 2, 4 })
        {
            var many = await rig.TrainAsync(workers, 5, Keep);
            Assert.Equal((one.Weights, one.Digest), (many.Weights, many.Digest));
            Assert.Equal(one.Metrics.SelectMany(m => m), many.Metrics.SelectMany(m => m));
        }

        Assert.Single(hashes);
    }

    // Saved at step 3, between the updates after 2 and 4: neither the model at the start nor the policy is the reference then.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_interrupted_run_ends_with_the_bits_of_an_undisturbed_one(bool ownReference)
    {
        using var rig = Rig("llama", steps: 6);
        if (ownReference)
        {
            AddReference(rig, "llama");
        }

        var hashes = new HashSet<string>();
        Task Keep(IReplica replica) => Task.FromResult(hashes.Add(HashOf(replica)));
        var undisturbed = await rig.TrainAsync(1, 6, Keep);
        var directory = Path.Combine(rig.Root, "checkpoints", CheckpointFolder.NameOf(3));
        await rig.TrainAsync(2, 3, replica => replica.SaveAsync(directory, 1, CancellationToken.None));
        using (var saved = Safetensors.Open(Path.Combine(directory, Checkpoint.OptimizerFile)))
        {
            Assert.Contains("reference.model.norm.weight", saved.Entries.Keys);
        }

        rig.AddFolder("checkpoint", directory);
        rig.Job = rig.Job with { StartStep = 3, StateDigest = CheckpointFolder.Open(directory).State.Digest };
        var resumed = await rig.TrainAsync(3, 6, Keep);
        Assert.Equal((undisturbed.Weights, undisturbed.Digest), (resumed.Weights, resumed.Digest));
        Assert.Equal(undisturbed.Losses.Skip(3), resumed.Losses);
        Assert.Single(hashes);
    }

    [Fact]
    public async Task A_replica_that_joins_after_an_update_takes_the_reference_over()
    {
        using var rig = Rig("llama", steps: 6);
        var undisturbed = await rig.TrainAsync(1, 6);
        await using var harness = await RankHarness.StartAsync(2, Way.Reference);
        await using var one = await RankHarness.StartAsync(1);
        await using var old = await rig.CreateAsync(harness.Servers[0].Memory);
        await using var joined = await rig.CreateAsync(harness.Servers[1].Memory);
        for (var step = 0; step < 3; step++)
        {
            await rig.StepAsync([old], one.Groups, new StepId(1, 1, step, 0));
        }

        await JoinAsync(old, joined);
        for (var step = 3; step < 6; step++)
        {
            await rig.StepAsync([old, joined], harness.Groups, new StepId(1, 1, step, 0));
        }

        Assert.Equal((undisturbed.Weights, undisturbed.Digest), (ReplicaRig.HashOf(joined), joined.StateDigest));
        Assert.Equal(HashOf(old), HashOf(joined));
    }

    // One bit of a weight so small that no gradient shows it within these steps: only the digest of the reference itself can tell.
    [Fact]
    public async Task A_reference_that_differs_in_one_bit_is_found_out_at_its_next_update()
    {
        using var rig = Rig("llama", steps: 6);
        await using var harness = await RankHarness.StartAsync(2);
        await using var first = await rig.CreateAsync(harness.Servers[0].Memory);
        await using var second = await rig.CreateAsync(harness.Servers[1].Memory);
        await using var alone = await RankHarness.StartAsync(1);
        await rig.StepAsync([first, second], harness.Groups, new StepId(1, 1, 0, 0));
        var unused = second.State[^1].Buffer;
        unused.Span[(int)unused.Length - 1] = 1e-3f; // in the gap behind the last weight, which no forward pass reads
        Assert.Equal(first.StateDigest, second.StateDigest);
        await rig.StepAsync([first, second], harness.Groups, new StepId(1, 1, 1, 0));
        Assert.NotEqual(first.StateDigest, second.StateDigest);
    }

    [Fact]
    public async Task What_cannot_move_is_refused()
    {
        using var rig = Rig("llama", steps: 1);
        string Refused(ReplicaOptions options) => Assert.Throws<ArgumentException>(() => new ReplicaFactory(options)).Message;
        Assert.Contains("precompute", Refused(rig.Options with { Reference = ReferenceMode.Precompute }), StringComparison.Ordinal);
        Assert.Contains("with adapters", Refused(rig.Options with { Lora = new() { New = new LoraSpec(3, 6) } }), StringComparison.Ordinal);
        Assert.Contains("compares with none", Refused(rig.Options with { Objective = new() { ReferenceFree = true } }), StringComparison.Ordinal);
        Assert.Contains("ref_model_mixup_alpha is 0", Refused(rig.Options with { ReferenceUpdate = new() { MixupAlpha = 0 } }), StringComparison.Ordinal);
        Assert.Contains("ref_model_sync_steps is 0", Refused(rig.Options with { ReferenceUpdate = new() { EverySteps = 0 } }), StringComparison.Ordinal);
        AddReference(rig, "gpt2");
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => rig.TrainAsync(1, 1));
        Assert.Contains("Take a reference of the policy's kind and size", error.Message, StringComparison.Ordinal);
    }

    private static ReplicaRig Rig(string kind, long steps)
    {
        var rig = ReplicaRig.Tiny(kind, pairs: 12, pairsPerStep: 8, pairsPerLeaf: 2, steps);
        rig.Options = rig.Options with
        {
            ReferenceUpdate = new() { MixupAlpha = 0.25, EverySteps = 2 },
            Schedule = new() { LearningRate = 1e-3, WarmupSteps = 0 },
        };
        return rig;
    }

    private static void AddReference(ReplicaRig rig, string kind)
    {
        var folder = Path.Combine(rig.Root, "reference");
        using (var model = TinyModel.Create(kind, seed: 8))
        {
            ModelDirectory.Save(model, null, folder);
        }

        rig.AddFolder("reference", folder);
    }

    private static async Task JoinAsync(IReplica source, IReplica target)
    {
        await source.RefreshStateAsync(CancellationToken.None);
        foreach (var (from, to) in source.State.Zip(target.State))
        {
            Assert.Equal((from.Name, from.Buffer.Length), (to.Name, to.Buffer.Length));
            from.Buffer.Span.CopyTo(to.Buffer.Span);
        }

        await target.AdoptAsync(source.AppliedStep, source.StateDigest, CancellationToken.None);
    }

    private static float[] Values(IReplica replica, Index part) => replica.State[part].Buffer.Span.ToArray();

    private static string HashOf(IReplica replica) => Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(replica.State[^1].Buffer.Span)));

    private static float[] Mixed(float[] reference, float[] policy) => [.. reference.Zip(policy, (r, p) => 0.75f * r + 0.25f * p)];

    private static void Close(float[] expected, float[] found) => Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
}
