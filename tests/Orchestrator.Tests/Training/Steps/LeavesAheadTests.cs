using System.Collections.Concurrent;
using Orchestrator.Core;
using Orchestrator.Tests.Collectives;
using Orchestrator.Training.Models;
using Orchestrator.Training.Steps;

namespace Orchestrator.Tests.Training.Steps;

public sealed class LeavesAheadTests
{
    [Fact]
    public async Task A_leaf_that_was_expected_is_ready_and_another_is_packed_at_once()
    {
        var (asked, gate) = (new BlockingCollection<int>(), new SemaphoreSlim(0));
        using var ahead = new LeavesAhead(Plan, (step, leaf) =>
        {
            asked.Add(leaf);
            Assert.True(leaf != 9 || gate.Wait(RankHarness.Patience));
            return Batch(step, leaf);
        });
        ahead.Expect(3, 1);
        Assert.Equal(1, await Task.Run(() => asked.Take()));
        ahead.Expect(3, 9);
        Assert.Equal(9, await Task.Run(() => asked.Take())); // so leaf 1 is finished
        Assert.Equal([32, 1], ahead.Take(3, 2).Targets);
        Assert.Equal(2, asked.Take());
        Assert.Equal([31, 1], ahead.Take(3, 1).Targets);
        Assert.Empty(asked);
        Assert.Equal([31, 1], ahead.Take(3, 1).Targets);
        Assert.Equal(1, asked.Take());
        Assert.Equal([41, 1], ahead.Take(4, 1).Targets);
        gate.Release();
    }

    // Leaves 1 and 3 of each step are this rank's; the run has two steps, and the second one only three leaves.
    [Theory]
    [InlineData(0, 1, 0, 3)]
    [InlineData(0, 3, 1, 1)]
    [InlineData(1, 1, -1, -1)]
    public async Task After_a_leaf_the_rank_s_next_one_is_expected_or_its_first_of_the_next_step(long step, int leaf, long expectedStep, int expectedLeaf)
    {
        var asked = new BlockingCollection<(long, int)>();
        using var ahead = new LeavesAhead(Plan, (s, l) =>
        {
            asked.Add((s, l));
            return Batch(s, l);
        });
        var mine = Plan.LeavesInStep(step) > 3 ? new[] { new LeafRange(1, 1), new LeafRange(3, 1) } : [new LeafRange(1, 1)];
        ahead.ExpectAfter(new StepWork(new StepId(1, 1, step, 0), Plan.LeavesInStep(step), new Deal([[.. mine]]), 0), leaf);
        if (expectedStep < 0)
        {
            ahead.Expect(7, 7); // would come second
            (expectedStep, expectedLeaf) = (7, 7);
        }

        Assert.Equal((expectedStep, expectedLeaf), await Task.Run(() => asked.Take()));
    }

    private static BatchPlan Plan => new PlanOptions(0, 7, 4, 1).ToPlan();

    [Fact]
    public async Task An_error_is_met_by_who_needs_the_leaf()
    {
        var asked = new BlockingCollection<int>();
        using var ahead = new LeavesAhead(Plan, (step, leaf) =>
        {
            asked.Add(leaf);
            return leaf == 1 ? throw new TimeoutException("no such disk") : Batch(step, leaf);
        });
        ahead.Expect(0, 1);
        await Task.Run(() => asked.Take());
        ahead.Expect(0, 2);
        await Task.Run(() => asked.Take());
        Assert.Equal("no such disk", Assert.Throws<TimeoutException>(() => ahead.Take(0, 1)).Message);
        Assert.Equal([2, 1], ahead.Take(0, 2).Targets);
    }

    private static PackedBatch Batch(long step, int leaf)
    {
        var batch = new PackedBatch();
        batch.AddSingle([1], [(int)step * 10 + leaf, 1]);
        return batch;
    }
}
