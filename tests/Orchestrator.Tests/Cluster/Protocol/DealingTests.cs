using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Protocol;

namespace Orchestrator.Tests.Cluster.Protocol;

public sealed class DealingTests
{
    private static readonly Pace Fast = new(1, 5);
    private static readonly Pace Slow = new(3, 5);

    [Fact]
    public void Shares_are_even_until_all_paces_are_known()
    {
        Assert.Equal([3, 3, 2], Dealing.Shares(8, [null, null, null], []).AsEnumerable());
        Assert.Equal([4, 4], Dealing.Shares(8, [Fast, Slow with { Samples = Dealing.SamplesNeeded - 1 }], []).AsEnumerable());
    }

    // 6 leaves at 1 s and 2 at 3 s take 6 s; even shares take 12 s.
    [Fact]
    public void A_worker_three_times_slower_gets_a_third_of_the_leaves() => Assert.Equal([6, 2], Dealing.Shares(8, [Fast, Slow], []).AsEnumerable());

    // Even: 4 x 1.2 = 4.8 s. Best: 5 and 3 leaves, 5 s. Not worth a change.
    [Fact]
    public void A_small_difference_changes_nothing() => Assert.Equal([4, 4], Dealing.Shares(8, [Fast, new Pace(1.2, 5)], []).AsEnumerable());

    [Fact]
    public void A_very_slow_worker_keeps_one_leaf_so_that_its_pace_is_seen_again() => Assert.Equal([7, 1], Dealing.Shares(8, [Fast, new Pace(100, 5)], []).AsEnumerable());

    [Fact]
    public void Survivors_keep_their_leaves_and_share_the_lost_ones()
    {
        var (owners, lost) = Dealing.Redeal(["a", "a", "b", "b", "b", "c", "c", "c"], ["a", "c"], ["a", "c"]);
        Assert.Equal(["a", "a", "a", "a", "c", "c", "c", "c"], owners.AsEnumerable());
        Assert.Equal(3, lost);
        Assert.Equal(["0-3"], Dealing.RangesOf(owners, "a").Select(range => range.ToString()));
    }

    [Fact]
    public void A_joiner_gets_nothing_of_the_step_in_hand()
    {
        var (owners, lost) = Dealing.Redeal(["a", "b"], ["a", "b", "new"], ["a", "b", "new"]);
        Assert.Equal(["a", "b"], owners.AsEnumerable());
        Assert.Equal(0, lost);
    }

    // b keeps leaf 0 and takes 3 over; c, of rank 1, has none.
    [Fact]
    public void A_deal_in_runs_comes_back_from_its_packed_form_as_a_whole_and_for_one_rank()
    {
        var deal = Dealing.Of(["b", "a", "a", "b", "d"], ["a", "c", "b", "d"]);
        Assert.Equal(["1-2", "", "0,3", "4"], deal.Ranks.Select(ranges => string.Join(',', ranges)));
        var message = new ComputeStep { PackedDeal = ComputeStep.Pack(deal) };
        Assert.Equal(deal.Ranks.Select(ranges => string.Join(',', ranges)), message.ToDeal().Ranks.Select(ranges => string.Join(',', ranges)));
        foreach (var rank in Enumerable.Range(0, 4))
        {
            message.Rank = rank;
            Assert.Equal(deal.Ranks[rank].AsEnumerable(), message.OwnRanges());
        }
    }
}
