using System.Collections.Immutable;

namespace Orchestrator.Core;

/// <summary>A node of the reduction tree: the sum of leaves [Index·2^Height, (Index+1)·2^Height), cut at the step's last leaf.</summary>
public readonly record struct TreeNode(int Height, int Index) : IComparable<TreeNode>
{
    public TreeNode Parent => new(Height + 1, Index / 2);

    public TreeNode Left => new(Height - 1, Index * 2);

    public TreeNode Right => new(Height - 1, Index * 2 + 1);

    public int FirstLeaf => Index << Height;

    /// <summary>Order of the first leaf, which is also the order in which disjoint nodes are added.</summary>
    public int CompareTo(TreeNode other) => (FirstLeaf, Height).CompareTo((other.FirstLeaf, other.Height));

    public override string ToString() => $"({Height}, {Index})";

    public static bool operator <(TreeNode left, TreeNode right) => left.CompareTo(right) < 0;

    public static bool operator >(TreeNode left, TreeNode right) => left.CompareTo(right) > 0;

    public static bool operator <=(TreeNode left, TreeNode right) => left.CompareTo(right) <= 0;

    public static bool operator >=(TreeNode left, TreeNode right) => left.CompareTo(right) >= 0;
}

/// <summary>
/// The one order in which the gradients of a step's leaves are added, whoever computed them:
/// node (h, k) = node (h-1, 2k) + node (h-1, 2k+1); where the right child holds no leaf, the left one passes through.
/// So floating-point sums depend on the number of leaves alone.
/// </summary>
public sealed record CanonicalTree
{
    public CanonicalTree(int leaves)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(leaves, 1);
        Leaves = leaves;
        Height = leaves == 1 ? 0 : System.Numerics.BitOperations.Log2((uint)(leaves - 1)) + 1;
    }

    public int Leaves { get; }

    /// <summary>Height of the root.</summary>
    public int Height { get; }

    public TreeNode Root => new(Height, 0);

    /// <summary>True where the node holds at least one leaf of the step.</summary>
    public bool Exists(TreeNode node) => node.FirstLeaf < Leaves;

    public LeafRange LeavesOf(TreeNode node) =>
        new(node.FirstLeaf, Math.Min(Leaves, node.FirstLeaf + (1 << node.Height)) - node.FirstLeaf);

    /// <summary>The largest nodes whose leaves are all in <paramref name="leaves"/>, in order of their first leaf.</summary>
    public ImmutableArray<TreeNode> WholeNodes(IEnumerable<int> leaves)
    {
        var owned = leaves.ToHashSet();
        var found = ImmutableArray.CreateBuilder<TreeNode>();
        Visit(Root);
        return found.ToImmutable();

        void Visit(TreeNode node)
        {
            if (!Exists(node))
            {
                return;
            }

            if (LeavesOf(node).Leaves.All(owned.Contains))
            {
                found.Add(Canonical(node));
            }
            else if (node.Height > 0)
            {
                Visit(node.Left);
                Visit(node.Right);
            }
        }
    }

    /// <summary>
    /// The additions that turn disjoint nodes covering every leaf into the root: fold the list's slots pairwise,
    /// <c>slot[Into] += slot[From]</c>, in this order; the root is then in slot 0.
    /// </summary>
    /// <param name="nodes">Whole nodes in order of their first leaf, together covering every leaf exactly once.</param>
    /// <exception cref="ArgumentException">The nodes overlap or miss a leaf.</exception>
    public ImmutableArray<(int Into, int From)> Additions(IReadOnlyList<TreeNode> nodes)
    {
        var additions = ImmutableArray.CreateBuilder<(int, int)>();
        var next = 0;
        var root = Visit(Root);
        if (root != 0 || next != nodes.Count)
        {
            throw new ArgumentException($"The nodes [{string.Join(", ", nodes)}] do not cover {Leaves} leaves exactly once.", nameof(nodes));
        }

        return additions.ToImmutable();

        int Visit(TreeNode node)
        {
            if (next < nodes.Count && Canonical(node) == nodes[next])
            {
                return next++;
            }

            if (node.Height == 0)
            {
                throw new ArgumentException($"Leaf {node.Index} is missing or counted twice in [{string.Join(", ", nodes)}].", nameof(nodes));
            }

            var left = Visit(node.Left);
            if (Exists(node.Right))
            {
                additions.Add((left, Visit(node.Right)));
            }

            return left;
        }
    }

    /// <summary>The lowest node that is the same sum: a parent whose right child is empty is its left child under another name.</summary>
    public TreeNode Canonical(TreeNode node)
    {
        while (node.Height > 0 && !Exists(node.Right))
        {
            node = node.Left;
        }

        return node;
    }
}
