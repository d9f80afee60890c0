using System.Collections.Immutable;

namespace Orchestrator.Core;

/// <summary>Leaves Start .. Start+Count-1 of a step. A leaf is the pairs of one forward and backward: the unit dealt to workers.</summary>
public readonly record struct LeafRange(int Start, int Count)
{
    public int End => Start + Count;

    public IEnumerable<int> Leaves => Enumerable.Range(Start, Count);

    public override string ToString() => Count == 1 ? $"{Start}" : $"{Start}-{End - 1}";
}

/// <summary>Who computes which leaves of a step: one entry a rank, in rank order. Every leaf stands in exactly one entry.</summary>
public sealed record Deal(ImmutableArray<ImmutableArray<LeafRange>> Ranks)
{
    public int WorldSize => Ranks.Length;

    public IEnumerable<int> LeavesOf(int rank) => Ranks[rank].SelectMany(range => range.Leaves);

    /// <summary>
    /// Contiguous ranges as even as can be: the first <c>leaves mod workers</c> ranks get one leaf more. With leaves and workers
    /// powers of two every range is one whole node of the reduction tree.
    /// </summary>
    public static Deal Even(int leaves, int worldSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(leaves);
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 1);
        var (share, extra) = (leaves / worldSize, leaves % worldSize);
        return new Deal([.. Enumerable.Range(0, worldSize).Select(rank =>
        {
            var count = share + (rank < extra ? 1 : 0);
            var start = rank * share + Math.Min(rank, extra);
            return count == 0 ? ImmutableArray<LeafRange>.Empty : [new LeafRange(start, count)];
        })]);
    }
}
