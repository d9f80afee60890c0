using Orchestrator.Collectives;
using Orchestrator.Core;
using Orchestrator.Tests.Collectives;
using Orchestrator.Tests.Training.Models;
using Orchestrator.Tests.Training.Steps;
using Orchestrator.Training;
using Orchestrator.Training.Data;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Families;
using Orchestrator.Training.Planning;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Planning;

public sealed class StepPlannerTests
{
    // Weights, gradients, states and the reduced gradient lie in buffers that are counted here as they are handed out.
    [Theory]
    [InlineData("rmsprop", 1, 8, Reduction.Canonical)]
    [InlineData("adamw", 1, 1, Reduction.Canonical)]
    [InlineData("adamw", 3, 7, Reduction.Canonical)]
    [InlineData("sgd", 2, 6, Reduction.Canonical)]
    [InlineData("rmsprop", 2, 8, Reduction.Sequential)]
    public async Task Flat_buffers_are_reckoned_to_the_byte(string optimizer, int workers, int leaves, Reduction reduction)
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: leaves * 2, pairsPerStep: leaves * 2, pairsPerLeaf: 2, steps: 2);
        rig.Options = rig.Options with { Optimizer = new() { Name = optimizer }, Reduction = reduction, Reference = ReferenceMode.Live };
        await using var harness = await RankHarness.StartAsync(workers, Way.Reference);
        var memories = harness.Servers.Select(server => new CountingBuffers(server.Memory)).ToArray();
        var replicas = await Task.WhenAll(memories.Select(memory => rig.CreateAsync(memory)));
        await rig.StepAsync(replicas, harness.Groups, new StepId(1, 1, 0, 0));
        await rig.StepAsync(replicas, harness.Groups, new StepId(1, 1, 1, 0));
        var held = memories.Max(memory => memory.Held);
        await Task.WhenAll(replicas.Select(replica => replica.DisposeAsync().AsTask()));

        using var pairs = EncodedPairs.Open(Path.Combine(rig.Root, "train.pairs"));
        var planner = new StepPlanner(Family.Describe(ModelConfig.Load(Path.Combine(rig.Root, "model"))), rig.Options, workers);
        var plan = planner.Of(rig.Job.Plan, RunLoads.Of(rig.Job.Plan, pairs));
        long Of(params string[] names) => plan.Parts.Where(part => names.Contains(part.Name)).Sum(part => part.Bytes);
        var ofPeers = Of("buffers") - planner.FlatBytes;
        Assert.Equal(held, Of("weights", "gradients", "optimizer", "buffers") - ofPeers);
        Assert.Equal(planner.FlatBytes, Of("reference"));
        Assert.Equal(workers == 1 ? 0 : 2 * planner.FlatBytes * (workers - 1) / workers, plan.ReducedBytes);
    }

    // One layer, worked by hand. 3 + 2 prompt and chosen tokens, 4 more rejected ones: 4 + 3 tokens computed, 2 + 4 targets.
    // Scores: 4·5/2 = 10 within the first, 3·3 to the prompt and 3·4/2 = 6 among themselves: 25.
    // Projections: 24·24·4 + 24·32·3 = 4608 weights (with 2 of 4 key heads: 24·24·2 + 24·12·2 + 24·32·3 = 4032).
    // Forward: 2·4032·7 + 4·24·25 for each of 2 layers, and 2·61·24·6 for the head; backward twice that; the reference once.
    [Fact]
    public void Operations_of_a_step_are_those_counted_by_hand()
    {
        var spec = Family.Describe(new ModelConfig("llama/config.json", TinyModel.Config("llama")));
        var loads = new RunLoads([LeafLoad.OfRow(3, 2, 4)], 1, true);
        var plan = new StepPlanner(spec, new ReplicaOptions(), 1).Of(new PlanOptions(0, 1, 1, 1), loads);
        var forward = 2 * (2 * 4032 * 7 + 4 * 24 * 25) + 2 * 61 * 24 * 6;
        Assert.Equal(forward * 4.0, plan.Flops);
        Assert.Equal(forward * 3.0, (new StepPlanner(spec, new ReplicaOptions(), 1) with { Precomputed = true }).Of(new PlanOptions(0, 1, 1, 1), loads).Flops);
    }

    [Fact]
    public void What_needs_most_is_named_with_what_makes_it_less()
    {
        var plan = new StepPlan([new("program", 5, []), new("activations", 300L << 20, ["pairs_per_leaf"]), new("logits", 200L << 20, ["logprob_keep_mb"])], default, 0, 0, 0);
        Assert.Equal("Most of it are activations (300 MB), logits (200 MB) of 500 MB reckoned. Less: pairs_per_leaf; logprob_keep_mb.", plan.Advice(most: 2));
    }

    [Fact]
    public void Libtorch_s_own_words_for_too_little_memory_are_known()
    {
        var error = Assert.ThrowsAny<Exception>(() => empty(1L << 50));
        Assert.True(OutOfMemory.Is(error), error.Message);
        Assert.False(OutOfMemory.Is(new InvalidOperationException("a shape does not fit")));
    }

    [Fact]
    public async Task A_step_that_finds_no_memory_says_what_needs_most_and_changes_nothing()
    {
        using var rig = ReplicaRig.Tiny("llama", pairs: 4, pairsPerStep: 4, pairsPerLeaf: 2, steps: 1);
        await using var harness = await RankHarness.StartAsync(1);
        await using var replica = await rig.CreateAsync(harness.Servers[0].Memory);
        var work = new StepWork(new StepId(1, 1, 0, 0), 2, Deal.Even(2, 1), 0);
        var error = await Assert.ThrowsAsync<InsufficientMemoryException>(() => replica.ComputeAsync(work, new FullExchange(), CancellationToken.None));
        Assert.StartsWith("Not enough memory for step 0, whose largest leaf has 2 pairs and ", error.Message, StringComparison.Ordinal);
        Assert.Contains("Less: ", error.Message, StringComparison.Ordinal);
        await rig.StepAsync([replica], harness.Groups, new StepId(1, 1, 0, 1));
    }

    private sealed class FullExchange : IGradientExchange
    {
        public Task AllReduceAsync(
            StepId id, int bucket, CanonicalTree tree, IReadOnlyList<System.Collections.Immutable.ImmutableArray<TreeNode>> nodes, IReadOnlyList<FloatBuffer> mine, FloatBuffer result, CancellationToken cancellation)
        {
            using var never = empty(1L << 50);
            return Task.CompletedTask;
        }
    }

    private sealed class CountingBuffers(IBufferProvider memory) : IBufferProvider
    {
        public long Held { get; private set; }

        public FloatBuffer Allocate(string name, long floats)
        {
            Held += floats * sizeof(float);
            return memory.Allocate(name, floats);
        }

        public void Release(FloatBuffer buffer)
        {
            Held -= buffer.Bytes;
            memory.Release(buffer);
        }
    }
}
