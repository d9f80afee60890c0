using System.Collections.Concurrent;
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
        using var ahead = new LeavesAhead((step, leaf) =>
        {
            asked.Add(leaf);
            Assert.True(leaf != 9 || gate.Wait(RankHarness.Patience));
            return Batch(step, leaf);
        });
        ahead.Expect(3, 1);
        Assert.Equal(1, await Task.Run(() => asked.Take()));
        ahead.Expect(3, 9);
        Assert.Equal(9, await Task.Run(() => asked.Take())); // so leaf 1 is finished
        Assert.Equal(0, ahead.Hits);
        Assert.Equal([32, 1], ahead.Take(3, 2).Targets);
        Assert.Equal([31, 1], ahead.Take(3, 1).Targets);
        Assert.Equal(1, ahead.Hits);
        Assert.Equal([31, 1], ahead.Take(3, 1).Targets);
        Assert.Equal([41, 1], ahead.Take(4, 1).Targets);
        Assert.Equal(1, ahead.Hits);
        gate.Release();
    }

    [Fact]
    public async Task An_error_is_met_by_who_needs_the_leaf()
    {
        var asked = new BlockingCollection<int>();
        using var ahead = new LeavesAhead((step, leaf) =>
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
