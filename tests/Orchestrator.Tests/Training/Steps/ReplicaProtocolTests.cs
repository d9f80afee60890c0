using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Tests.Collectives;
using Orchestrator.Training;
using Orchestrator.Training.Checkpoints;
using Orchestrator.Training.Models;

namespace Orchestrator.Tests.Training.Steps;

/// <summary>The replica's side of the step protocol: attempts, staging, joining, saving, resuming.</summary>
public sealed class ReplicaProtocolTests
{
    [Fact]
    public async Task After_a_failed_attempt_the_survivors_end_with_the_same_bits()
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 16, pairsPerStep: 16, pairsPerLeaf: 2, steps: 2);
        var undisturbed = await rig.TrainAsync(1, 2);
        await using var harness = await RankHarness.StartAsync(2, Way.Reference);
        var replicas = await Task.WhenAll(harness.Servers.Select(server => rig.CreateAsync(server.Memory)));
        var before = ReplicaRig.HashOf(replicas[0]);
        var three = Deal.Even(8, 3);
        await Task.WhenAll(replicas.Select((replica, rank) => Assert.ThrowsAsync<CollectiveException>(() =>
            replica.ComputeAsync(new StepWork(new StepId(1, 0, 0, 0), 8, three, rank), new BrokenExchange(), CancellationToken.None))));
        Assert.Equal(before, ReplicaRig.HashOf(replicas[0]));
        await rig.StepAsync(replicas, harness.Groups, new StepId(1, 1, 0, 1));
        await rig.StepAsync(replicas, harness.Groups, new StepId(1, 1, 1, 0));
        Assert.Equal(undisturbed.Weights, ReplicaRig.HashOf(replicas[0]));
        Assert.Equal(undisturbed.Digest, replicas[1].StateDigest);
        await Task.WhenAll(replicas.Select(replica => replica.DisposeAsync().AsTask()));
    }

    [Fact]
    public async Task Only_the_next_step_is_computed_and_only_what_is_staged_is_applied()
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 4, pairsPerStep: 4, pairsPerLeaf: 2, steps: 2);
        await using var harness = await RankHarness.StartAsync(1);
        await using var replica = await rig.CreateAsync(harness.Servers[0].Memory);
        var deal = Deal.Even(2, 1);
        Task<StagedStep> Compute(long step, int attempt) =>
            replica.ComputeAsync(new StepWork(new StepId(1, 1, step, attempt), 2, deal, 0), harness.Groups[0], CancellationToken.None);
        await Assert.ThrowsAsync<InvalidOperationException>(() => Compute(1, 0));
        await Assert.ThrowsAsync<InvalidOperationException>(() => replica.ApplyAsync(new StepId(1, 1, 0, 0), CancellationToken.None));
        await Compute(0, 0);
        await Compute(0, 1);
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => replica.ApplyAsync(new StepId(1, 1, 0, 0), CancellationToken.None));
        Assert.Contains("attempt 1", error.Message, StringComparison.Ordinal);
        await replica.ApplyAsync(new StepId(1, 1, 0, 1), CancellationToken.None);
        Assert.Equal(1, replica.AppliedStep);
        await Assert.ThrowsAsync<InvalidOperationException>(() => replica.ApplyAsync(new StepId(1, 1, 0, 1), CancellationToken.None));
    }

    [Fact]
    public async Task A_cancelled_step_changes_nothing_and_can_be_computed_again()
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 8, pairsPerStep: 8, pairsPerLeaf: 2, steps: 1);
        var undisturbed = await rig.TrainAsync(1, 1);
        await using var harness = await RankHarness.StartAsync(1);
        await using var replica = await rig.CreateAsync(harness.Servers[0].Memory);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            replica.ComputeAsync(new StepWork(new StepId(1, 1, 0, 0), 4, Deal.Even(4, 1), 0), harness.Groups[0], cancelled.Token));
        await rig.StepAsync([replica], harness.Groups, new StepId(1, 1, 0, 1));
        Assert.Equal(undisturbed.Weights, ReplicaRig.HashOf(replica));
    }

    // The first bucket goes out while the last leaf is still in backward; then everything is called off.
    [Fact]
    public async Task A_step_that_is_cancelled_while_buckets_travel_changes_nothing_and_can_be_computed_again()
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 8, pairsPerStep: 8, pairsPerLeaf: 2, steps: 1);
        var undisturbed = await rig.TrainAsync(1, 1);
        await using var harness = await RankHarness.StartAsync(2, Way.Reference);
        var replicas = await Task.WhenAll(harness.Servers.Select(server => rig.CreateAsync(server.Memory)));
        foreach (var (replica, rank) in replicas.Select((replica, rank) => (replica, rank)))
        {
            using var cancelled = new CancellationTokenSource();
            var exchange = new CallingOffExchange(cancelled);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => replica.ComputeAsync(
                new StepWork(new StepId(1, 0, 0, 0), 4, Deal.Even(4, 2), rank), exchange, cancelled.Token)).WaitAsync(RankHarness.Patience);
            Assert.InRange(exchange.First, 1, 100); // bucket 0 holds the embedding, which is final last
        }

        await rig.StepAsync(replicas, harness.Groups, new StepId(1, 1, 0, 1));
        Assert.Equal(undisturbed.Weights, ReplicaRig.HashOf(replicas[1]));
        await Task.WhenAll(replicas.Select(replica => replica.DisposeAsync().AsTask()));
    }

    // The vote says no; where the run skips such a step all the same, nothing is learnt from it and the next one follows.
    [Fact]
    public async Task A_gradient_that_is_not_finite_is_reported_and_leaves_the_weights_as_they_are()
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 8, pairsPerStep: 4, pairsPerLeaf: 2, steps: 2);
        await using var harness = await RankHarness.StartAsync(1);
        await using var replica = await rig.CreateAsync(harness.Servers[0].Memory);
        var (weights, digest) = (ReplicaRig.HashOf(replica), replica.StateDigest);
        var (staged, _) = await rig.StepAsync([replica], [new SpoilingExchange(harness.Groups[0])], new StepId(1, 1, 0, 0));
        Assert.False(staged.Finite);
        Assert.Equal(1, replica.AppliedStep);
        Assert.Equal(weights, ReplicaRig.HashOf(replica));
        Assert.NotEqual(digest, replica.StateDigest);
        Assert.True((await rig.StepAsync([replica], harness.Groups, new StepId(1, 1, 1, 0))).First.Finite);
        Assert.NotEqual(weights, ReplicaRig.HashOf(replica));
    }

    [Theory]
    [InlineData(Reduction.Canonical)]
    [InlineData(Reduction.Sequential)]
    public async Task A_replica_that_was_warmed_up_trains_to_the_same_bits(Reduction reduction)
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 8, pairsPerStep: 4, pairsPerLeaf: 2, steps: 2);
        rig.Options = rig.Options with { Reduction = reduction };
        var undisturbed = await rig.TrainAsync(1, 2);
        await using var harness = await RankHarness.StartAsync(1);
        await using var replica = await rig.CreateAsync(harness.Servers[0].Memory);
        var (weights, digest) = (ReplicaRig.HashOf(replica), replica.StateDigest);
        await replica.WarmUpAsync(CancellationToken.None);
        Assert.Equal((0L, digest, weights), (replica.AppliedStep, replica.StateDigest, ReplicaRig.HashOf(replica)));
        var (staged, _) = await rig.StepAsync([replica], harness.Groups, new StepId(1, 1, 0, 0));
        Assert.Equal(undisturbed.Steps[0].GradientDigest, staged.GradientDigest);
        await rig.StepAsync([replica], harness.Groups, new StepId(1, 1, 1, 0));
        Assert.Equal((undisturbed.Weights, undisturbed.Digest), (ReplicaRig.HashOf(replica), replica.StateDigest));
    }

    [Theory]
    [InlineData("rmsprop")]
    [InlineData("adamw")]
    public async Task A_replica_that_joins_goes_on_as_the_one_whose_state_it_took(string optimizer)
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 16, pairsPerStep: 8, pairsPerLeaf: 2, steps: 4);
        rig.Options = rig.Options with { Optimizer = new() { Name = optimizer } };
        var undisturbed = await rig.TrainAsync(1, 4);
        await using var harness = await RankHarness.StartAsync(2, Way.Reference);
        await using var one = await RankHarness.StartAsync(1);
        await using var old = await rig.CreateAsync(harness.Servers[0].Memory);
        await using var joined = await rig.CreateAsync(harness.Servers[1].Memory);
        await rig.StepAsync([old], one.Groups, new StepId(1, 1, 0, 0));
        await rig.StepAsync([old], one.Groups, new StepId(1, 1, 1, 0));
        await old.RefreshStateAsync(CancellationToken.None);
        foreach (var (source, target) in old.State.Zip(joined.State))
        {
            Assert.Equal((source.Name, source.Buffer.Length), (target.Name, target.Buffer.Length));
            source.Buffer.Span.CopyTo(target.Buffer.Span);
        }

        await joined.AdoptAsync(old.AppliedStep, old.StateDigest, CancellationToken.None);
        await rig.StepAsync([old, joined], harness.Groups, new StepId(1, 1, 2, 0));
        await rig.StepAsync([old, joined], harness.Groups, new StepId(1, 1, 3, 0));
        Assert.Equal(undisturbed.Weights, ReplicaRig.HashOf(joined));
        Assert.Equal(undisturbed.Digest, joined.StateDigest);
    }

    [Theory]
    [InlineData("rmsprop", 0.0)]
    [InlineData("adamw", 0.0)]
    [InlineData("sgd", 0.9)]
    public async Task A_run_saved_with_two_workers_and_resumed_with_three_ends_with_the_same_bits(string optimizer, double momentum)
    {
        using var rig = ReplicaRig.Tiny("gpt2", pairs: 20, pairsPerStep: 8, pairsPerLeaf: 2, steps: 6);
        rig.Options = rig.Options with { Optimizer = new() { Name = optimizer, Momentum = momentum, WeightDecay = 0.01 } };
        await ResumeAsync(rig);
    }

    [SkippableFact]
    public async Task A_model_stored_in_bf16_resumes_from_its_fp32_weights()
    {
        using var rig = ReplicaRig.Tiny("gpt2", pairs: 20, pairsPerStep: 8, pairsPerLeaf: 2, steps: 6);
        rig.AddFolder("model", SharedData.Path("models/llama_sharded_bf16"));
        await ResumeAsync(rig);
        using var saved = WeightFiles.Open(Path.Combine(rig.Root, "checkpoints", "step-00000006"));
        Assert.All(saved.Entries, entry => Assert.Equal("BF16", entry.Dtype));
    }

    [Fact]
    public async Task A_checkpoint_of_another_optimizer_or_step_is_refused()
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 8, pairsPerStep: 8, pairsPerLeaf: 2, steps: 2);
        var directory = Path.Combine(rig.Root, "step-00000001");
        await rig.TrainAsync(1, 1, replica => replica.SaveAsync(directory, 1, CancellationToken.None));
        rig.AddFolder("checkpoint", directory);
        await using var harness = await RankHarness.StartAsync(1);
        rig.Job = rig.Job with { StartStep = 2 };
        var step = await Assert.ThrowsAsync<InvalidDataException>(() => rig.CreateAsync(harness.Memory));
        Assert.Contains("step 1", step.Message, StringComparison.Ordinal);
        rig.Job = rig.Job with { StartStep = 1 };
        rig.Options = rig.Options with { Optimizer = new() { Name = "adamw" } };
        var other = await Assert.ThrowsAsync<InvalidDataException>(() => rig.CreateAsync(harness.Memory));
        Assert.Contains("rmsprop", other.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_save_can_be_loaded_as_a_model_and_found_as_a_checkpoint()
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 8, pairsPerStep: 8, pairsPerLeaf: 2, steps: 2);
        var root = Path.Combine(rig.Root, "checkpoints");
        string? hash = null;
        var trained = await rig.TrainAsync(1, 1, async replica => hash = await replica.SaveAsync(Path.Combine(root, CheckpointFolder.NameOf(1)), 4, CancellationToken.None));
        var (newest, skipped) = CheckpointFolder.FindNewest(root);
        Assert.Empty(skipped);
        Assert.Equal((1, 4, trained.Digest, hash), (newest!.State.GlobalStep, newest.State.Term, newest.State.Digest, newest.WeightsSha256));
        using var model = ModelDirectory.Load(newest.Directory, TorchSharp.torch.CPU);
        using var start = ModelDirectory.Load(Path.Combine(rig.Root, "model"), TorchSharp.torch.CPU);
        Assert.All(model.Parameters, p => Assert.False(p.Parameter.detach().bytes.SequenceEqual(start[p.Name].detach().bytes), p.Name));
    }

    [Fact]
    public async Task Evaluation_does_not_depend_on_who_evaluates_which_leaf()
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 8, pairsPerStep: 8, pairsPerLeaf: 2, steps: 2, evaluationPairs: 10);
        await using var harness = await RankHarness.StartAsync(1);
        await using var replica = await rig.CreateAsync(harness.Servers[0].Memory);
        var before = ReplicaRig.HashOf(replica);
        var all = await replica.EvaluateAsync("eval", [new LeafRange(0, 4)], CancellationToken.None);
        var parts = await replica.EvaluateAsync("eval", [new LeafRange(2, 2), new LeafRange(0, 1), new LeafRange(1, 1)], CancellationToken.None);
        Assert.Equal(LeafSums.Total(all).ToArray(), LeafSums.Total(parts).ToArray());
        Assert.Equal(10, LeafSums.Total(all)[0].Weight);
        Assert.Equal(Math.Log(2), LeafSums.Total(all)[0].Value, 1e-9);
        Assert.Equal(before, ReplicaRig.HashOf(replica));
        Assert.Contains("eval", (await Assert.ThrowsAsync<ArgumentException>(() => replica.EvaluateAsync("test", [], CancellationToken.None))).Message, StringComparison.Ordinal);
    }

    // By default SFT divides by the completion tokens of the whole step.
    [Fact]
    public async Task Supervised_fine_tuning_does_not_depend_on_leaves_or_workers()
    {
        Trained[] runs = [await SftAsync(8, 1), await SftAsync(2, 1), await SftAsync(2, 3)];
        Assert.Equal(runs[1].Weights, runs[2].Weights);
        Assert.All(runs[0].Losses.Zip(runs[1].Losses), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.All(runs[0].Steps.Zip(runs[1].Steps), pair => Assert.Equal(1, pair.First.GradientNorm / pair.Second.GradientNorm, 2e-5));
        Assert.True(runs[0].Losses.Last() < runs[0].Losses.First());
        Assert.Equal(["loss", "logps/chosen", "mean_token_accuracy", "num_tokens"], runs[0].Metrics[0].Select(metric => metric.Name));
    }

    private static async Task<Trained> SftAsync(int perLeaf, int workers)
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 8, pairsPerStep: 8, perLeaf, steps: 3);
        rig.AddRows("train", [.. ReplicaRig.RandomRows(8, 5).Select(row => (row.Item1, row.Item2, Array.Empty<int>()))]);
        rig.Options = rig.Options with { Objective = new() { LossType = ["sft"] }, Schedule = new() { LearningRate = 1e-3, WarmupSteps = 0 } };
        return await rig.TrainAsync(workers, 3);
    }

    private static async Task ResumeAsync(ReplicaRig rig)
    {
        var undisturbed = await rig.TrainAsync(1, 6);
        var directory = Path.Combine(rig.Root, "checkpoints", "step-00000003");
        await rig.TrainAsync(2, 3, replica => replica.SaveAsync(directory, 1, CancellationToken.None));
        rig.AddFolder("checkpoint", directory);
        rig.Job = rig.Job with { StartStep = 3, StateDigest = CheckpointFolder.Open(directory).State.Digest };
        var again = Path.Combine(rig.Root, "checkpoints", "step-00000006");
        var resumed = await rig.TrainAsync(3, 6, replica =>
        {
            Directory.Delete(directory, recursive: true); // pruned meanwhile
            return replica.SaveAsync(again, 2, CancellationToken.None);
        });
        Assert.Equal(2, CheckpointFolder.Open(again).State.Term);
        Assert.Equal(undisturbed.Weights, resumed.Weights);
        Assert.Equal(undisturbed.Digest, resumed.Digest);
        Assert.Equal(undisturbed.Losses.Skip(3), resumed.Losses);
    }

    /// <summary>Cancels the step with its first bucket, and ends a bucket only when it is cancelled.</summary>
    private sealed class CallingOffExchange(CancellationTokenSource step) : IGradientExchange
    {
        private int _first = -1;

        public int First => _first;

        public async Task AllReduceAsync(
            StepId id, int bucket, CanonicalTree tree, IReadOnlyList<ImmutableArray<TreeNode>> nodes, IReadOnlyList<FloatBuffer> mine, FloatBuffer result, CancellationToken cancellation)
        {
            Interlocked.CompareExchange(ref _first, bucket, -1);
            await step.CancelAsync();
            await Task.Delay(Timeout.Infinite, cancellation);
        }
    }

    private sealed class SpoilingExchange(IGradientExchange inner) : IGradientExchange
    {
        public async Task AllReduceAsync(
            StepId id, int bucket, CanonicalTree tree, IReadOnlyList<ImmutableArray<TreeNode>> nodes, IReadOnlyList<FloatBuffer> mine, FloatBuffer result, CancellationToken cancellation)
        {
            await inner.AllReduceAsync(id, bucket, tree, nodes, mine, result, cancellation);
            if (bucket == 1)
            {
                result.Span[^1] = float.NaN;
            }
        }
    }
}
