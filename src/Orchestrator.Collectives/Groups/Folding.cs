using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Collectives.Groups;

/// <summary>A node that a host can compute from its ranks' nodes, and how.</summary>
/// <param name="Terms">Which of the host's nodes (by their place in the list that was folded), in order of their first leaf.</param>
/// <param name="Additions">Over <paramref name="Terms"/>; the sum is in slot 0.</param>
internal sealed record FoldedNode(TreeNode Node, ImmutableArray<int> Terms, ImmutableArray<(int Into, int From)> Additions);

/// <summary>Adds what a host holds along the canonical tree as far as whole nodes reach, before anything goes on the wire.</summary>
internal static class Folding
{
    /// <param name="nodes">Disjoint nodes, in any order; they need not cover the tree.</param>
    /// <returns>The largest nodes that they make up, in order of their first leaf.</returns>
    public static ImmutableArray<FoldedNode> Fold(CanonicalTree tree, IReadOnlyList<TreeNode> nodes)
    {
        var order = Enumerable.Range(0, nodes.Count).OrderBy(i => nodes[i]).ToArray();
        return [.. tree.WholeNodes(nodes.SelectMany(node => tree.LeavesOf(node).Leaves)).Select(whole =>
        {
            var leaves = tree.LeavesOf(whole);
            var terms = order.Where(i => nodes[i].FirstLeaf >= leaves.Start && nodes[i].FirstLeaf < leaves.End).ToImmutableArray();
            return new FoldedNode(whole, terms, Additions(tree, whole, [.. terms.Select(i => tree.Canonical(nodes[i]))]));
        })];
    }

    /// <summary>As <see cref="CanonicalTree.Additions"/>, below one node.</summary>
    private static ImmutableArray<(int Into, int From)> Additions(CanonicalTree tree, TreeNode top, ImmutableArray<TreeNode> nodes)
    {
        var additions = ImmutableArray.CreateBuilder<(int, int)>();
        var next = 0;
        Visit(top);
        return additions.ToImmutable();

        int Visit(TreeNode node)
        {
            if (tree.Canonical(node) == nodes[next])
            {
                return next++;
            }

            var left = Visit(node.Left);
            if (tree.Exists(node.Right))
            {
                additions.Add((left, Visit(node.Right)));
            }

            return left;
        }
    }
}
