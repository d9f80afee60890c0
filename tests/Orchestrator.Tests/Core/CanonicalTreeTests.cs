using Orchestrator.Core;

namespace Orchestrator.Tests.Core;

public sealed class CanonicalTreeTests
{
    // Six leaves: ((0+1)+(2+3)) + (4+5); the right half of the root holds only one pair.
    [Fact]
    public void Six_leaves_are_added_as_drawn()
    {
        var tree = new CanonicalTree(6);
        var leaves = Enumerable.Range(0, 6).Select(leaf => new TreeNode(0, leaf)).ToArray();
        Assert.Equal([(0, 1), (2, 3), (0, 2), (4, 5), (0, 4)], tree.Additions(leaves).ToArray());
    }

    [Theory]
    [InlineData(8, 1)]
    [InlineData(8, 3)]
    [InlineData(7, 2)]
    [InlineData(13, 4)]
    [InlineData(3, 5)]
    [InlineData(1, 2)]
    public void Any_deal_adds_up_to_the_same_bits_as_one_worker(int leaves, int workers)
    {
        var tree = new CanonicalTree(leaves);
        var random = new SplitMix64(leaves, workers);
        var values = Enumerable.Range(0, leaves).Select(_ => (float)(random.NextDouble() * Math.Pow(10, random.Next(8)))).ToArray();
        var deal = Deal.Even(leaves, workers);
        var nodes = Enumerable.Range(0, workers).SelectMany(rank => tree.WholeNodes(deal.LeavesOf(rank))).Order().ToArray();
        Assert.Equal(SumOf(tree, tree.Root, values), Fold(tree, nodes, values));
    }

    [Fact]
    public void A_missing_leaf_and_a_leaf_counted_twice_are_refused()
    {
        var tree = new CanonicalTree(4);
        Assert.Throws<ArgumentException>(() => tree.Additions([new TreeNode(1, 0), new TreeNode(0, 2)]));
        Assert.Throws<ArgumentException>(() => tree.Additions([new TreeNode(1, 0), new TreeNode(0, 1), new TreeNode(1, 1)]));
    }

    private static float Fold(CanonicalTree tree, TreeNode[] nodes, float[] values)
    {
        var slots = nodes.Select(node => SumOf(tree, node, values)).ToArray();
        foreach (var (into, from) in tree.Additions(nodes))
        {
            slots[into] += slots[from];
        }

        return slots[0];
    }

    private static float SumOf(CanonicalTree tree, TreeNode node, float[] values) =>
        node.Height == 0 ? values[node.Index]
        : tree.Exists(node.Right) ? SumOf(tree, node.Left, values) + SumOf(tree, node.Right, values)
        : SumOf(tree, node.Left, values);
}
