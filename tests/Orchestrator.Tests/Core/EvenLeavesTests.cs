using Orchestrator.Core;

namespace Orchestrator.Tests.Core;

public sealed class EvenLeavesTests
{
    // Longest first: 9 -> leaf 0, 8 -> leaf 1, 5 -> leaf 2, which has room for one; 4 -> leaf 1 (8 < 9), which is full now; 1 -> leaf 0.
    [Fact]
    public void The_longest_pair_goes_to_the_leaf_with_the_fewest_tokens_that_has_room()
    {
        var dealt = EvenLeaves.Deal([4, 9, 1, 8, 5], pairsPerLeaf: 2);
        Assert.Equal([[1, 2], [0, 3], [4]], dealt);
    }

    [Theory]
    [InlineData(64, 8)]
    [InlineData(61, 8)]
    [InlineData(7, 2)]
    [InlineData(5, 8)]
    public void Every_pair_of_the_step_is_in_one_leaf_and_all_leaves_but_the_last_are_full(int pairs, int perLeaf)
    {
        var dealt = EvenLeaves.Deal(Lengths(pairs), perLeaf);
        Assert.Equal(Enumerable.Range(0, pairs), dealt.SelectMany(places => places).Order());
        Assert.All(dealt.SkipLast(1), places => Assert.Equal(perLeaf, places.Length));
        Assert.All(dealt, places => Assert.Equal(places.Order(), places));
    }

    [Fact]
    public void Leaves_of_real_lengths_differ_by_a_few_tokens_in_a_hundred_where_file_order_differs_by_half()
    {
        var lengths = Lengths(64);
        double Spread(IEnumerable<int[]> leaves) => leaves.Select(places => places.Sum(place => lengths[place])).ToArray() is var sums ? (double)(sums.Max() - sums.Min()) / sums.Max() : 0;
        Assert.InRange(Spread(EvenLeaves.Deal(lengths, 8)), 0, 0.05);
        Assert.InRange(Spread(Enumerable.Range(0, 64).Chunk(8)), 0.3, 1);
    }

    [Fact]
    public void One_leaf_keeps_the_plan_s_order() => Assert.Equal([[0, 1, 2]], EvenLeaves.Deal([3, 9, 1], 3));

    // Mostly short, some very long, as chats are.
    private static int[] Lengths(int count)
    {
        var random = new SplitMix64(11);
        return [.. Enumerable.Range(0, count).Select(_ => (int)(20 * Math.Exp(4 * random.NextDouble())))];
    }
}
