using System.Text.Json;
using Orchestrator.Core;

namespace Orchestrator.Tests.Core;

public sealed class SourceShareTests
{
    // 30 rows at a weight of 0.3 and 100 at 0.7: the first is used up after 30 / 0.3 = 100 pairs, the second after 100 / 0.7 = 142.86, of which 42 fall to the first.
    [Theory]
    [InlineData(false, 30, 70)]
    [InlineData(true, 42, 100)]
    public void An_epoch_takes_of_each_source_in_proportion_to_its_weight(bool untilAllAreUsedUp, int first, int second) =>
        Assert.Equal<SourceShare>([new SourceShare(30, first), new SourceShare(100, second)], SourceShare.Mix([30, 100], [3, 7], untilAllAreUsedUp));

    [Fact]
    public void A_source_of_little_weight_still_takes_part() =>
        Assert.Equal([1, 10], SourceShare.Mix([5, 10], [0.001, 1], untilAllAreUsedUp: false).Select(share => share.PerEpoch));

    [Fact]
    public void What_cannot_be_mixed_is_refused()
    {
        Assert.Throws<ArgumentException>(() => SourceShare.Mix([0, 5], [1, 1], false));
        Assert.Contains("smallest weight", Assert.Throws<ArgumentException>(() => SourceShare.Mix([1000, 1000], [1e-9, 1], true)).Message);
    }

    [Fact]
    public void Every_epoch_has_the_same_shares_and_no_row_comes_again_before_its_source_is_used_up()
    {
        var visits = Visits(Plan(seed: 3, epochs: 10)).Chunk(10).ToArray();
        Assert.All(visits, epoch => Assert.Equal((3, 7), (epoch.Count(pair => pair < 3), epoch.Count(pair => pair >= 3))));
        Assert.Equal(14, visits.Take(2).SelectMany(epoch => epoch).Where(pair => pair >= 3).Distinct().Count());

        // 20 rows at 7 an epoch: after 10 epochs three passes and a half, so that each came three or four times.
        var times = visits.SelectMany(epoch => epoch).Where(pair => pair >= 3).CountBy(pair => pair).ToDictionary();
        Assert.Equal(20, times.Count);
        Assert.All(times.Values, count => Assert.InRange(count, 3, 4));
        Assert.NotEqual(visits[0], visits[1]);
    }

    [Fact]
    public void The_order_is_that_of_the_seed_whoever_asks_for_whatever_first()
    {
        var forward = Visits(Plan(1, 4)).ToArray();
        var plan = Plan(1, 4);
        _ = plan.PairsOf(plan.Steps - 1, 0);
        Assert.Equal(forward, Visits(plan));
        Assert.NotEqual(forward, Visits(Plan(2, 4)));
    }

    // Places of an epoch: (visit + 1/2) / visits. A has 1/6, 3/6, 5/6; B has 1/4, 3/4.
    [Fact]
    public void Without_shuffling_sources_alternate_in_file_order()
    {
        var plan = new BatchPlan(0, 5, 5, 5, epochs: 2, shuffle: false, sources: [new SourceShare(4, 3), new SourceShare(2, 2)]);
        Assert.Equal([0, 4, 1, 5, 2, 3, 4, 0, 5, 1], Visits(plan));
    }

    [Fact]
    public void A_job_keeps_its_mixture_when_it_is_saved()
    {
        var plan = new PlanOptions(5, 10, 4, 2, Epochs: 3) { Sources = [new SourceShare(3, 3), new SourceShare(20, 7)] };
        var read = JsonSerializer.Deserialize<PlanOptions>(JsonSerializer.Serialize(plan))!;
        Assert.Equal(23, read.Rows);
        Assert.Equal(Visits(plan.ToPlan()), Visits(read.ToPlan()));
        Assert.Empty(JsonSerializer.Deserialize<PlanOptions>("""{"Seed":5,"Pairs":10,"PairsPerStep":4,"PairsPerLeaf":2}""")!.Sources);
    }

    [Fact]
    public void A_run_knows_whether_a_pair_comes_again()
    {
        Assert.False(Plan(0, 1).ComesAgain);
        Assert.True(Plan(0, 2).ComesAgain);
        Assert.False(new BatchPlan(0, 7, 7, 7, epochs: 2, sources: [new SourceShare(20, 7)]).ComesAgain);
    }

    private static BatchPlan Plan(long seed, double epochs) => new(seed, 10, 4, 2, epochs, sources: [new SourceShare(3, 3), new SourceShare(20, 7)]);

    private static IEnumerable<int> Visits(BatchPlan plan) =>
        from step in Enumerable.Range(0, (int)plan.Steps)
        from leaf in Enumerable.Range(0, plan.LeavesInStep(step))
        from pair in plan.PairsOf(step, leaf)
        select pair;
}
