using Orchestrator.Core;

namespace Orchestrator.Tests.Core;

public sealed class BatchPlanTests
{
    [Theory]
    [InlineData(10, 4, 3, 2.0)]
    [InlineData(7, 7, 2, 1.0)]
    [InlineData(5, 8, 8, 3.0)]
    public void Every_epoch_visits_every_pair_exactly_once(int pairs, int perStep, int perLeaf, double epochs)
    {
        var plan = new BatchPlan(seed: 3, pairs, perStep, perLeaf, epochs);
        var visited = Visits(plan).ToArray();
        Assert.Equal((int)(pairs * epochs), visited.Length);
        Assert.All(visited.Chunk(pairs), epoch => Assert.Equal(Enumerable.Range(0, pairs), epoch.Order()));
        Assert.Equal(epochs, plan.EpochAt(plan.Steps));
    }

    [Fact]
    public void The_order_depends_on_the_seed_and_the_epoch_and_not_on_who_asks_first()
    {
        var forward = Visits(new BatchPlan(1, 64, 8, 4, 2)).ToArray();
        var plan = new BatchPlan(1, 64, 8, 4, 2);
        _ = plan.PairsOf(plan.Steps - 1, 0);
        Assert.Equal(forward, Visits(plan));
        Assert.NotEqual(forward, Visits(new BatchPlan(2, 64, 8, 4, 2)));
        Assert.NotEqual(forward[..64], forward[64..]);
    }

    [Fact]
    public void Max_steps_goes_on_past_the_last_epoch()
    {
        var plan = new BatchPlan(0, pairs: 3, pairsPerStep: 2, pairsPerLeaf: 1, maxSteps: 5);
        Assert.Equal(5, plan.Steps);
        Assert.Equal(10, Visits(plan).Count());
    }

    // Epochs of 10 in steps of 4: from step 3 on the run visits the last 8 pairs of its 20; from step 1 on every pair.
    [Fact]
    public void The_pairs_that_are_still_to_be_visited_are_told_once_each()
    {
        var plan = new BatchPlan(seed: 3, pairs: 10, pairsPerStep: 4, pairsPerLeaf: 2, epochs: 2);
        Assert.Equal(Visits(plan).Skip(12).Distinct().Order(), plan.Visited(3, 10));
        Assert.InRange(plan.Visited(3, 10).Length, 1, 8);
        Assert.Equal(Enumerable.Range(0, 10), plan.Visited(1, 10));
        Assert.Empty(plan.Visited(5, 10));
    }

    private static IEnumerable<int> Visits(BatchPlan plan) =>
        from step in Enumerable.Range(0, (int)plan.Steps)
        from leaf in Enumerable.Range(0, plan.LeavesInStep(step))
        from pair in plan.PairsOf(step, leaf)
        select pair;
}
