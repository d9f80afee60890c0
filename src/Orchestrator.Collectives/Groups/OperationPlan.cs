using System.Collections.Immutable;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Orchestrator.Collectives.Memory;
using Orchestrator.Collectives.Wire;
using Orchestrator.Core;

namespace Orchestrator.Collectives.Groups;

/// <summary>What every rank derives alike from what it was asked for: who owns which slice, which terms are added in which order.</summary>
internal sealed record OperationPlan
{
    private OperationPlan(Collective collective, GroupOptions group, long length)
    {
        (Collective, WorldSize, Rank, Length) = (collective, group.WorldSize, group.Rank, length);
        ChunkFloats = group.ChunkBytes / sizeof(float);
        Encoding = WireType.Fp32;
    }

    public Collective Collective { get; }

    public int WorldSize { get; }

    public int Rank { get; }

    public long Length { get; }

    public long ChunkFloats { get; }

    public WireType Encoding { get; private init; }

    /// <summary>Every node goes to every rank at once, with the announcement; each rank adds them all.</summary>
    public bool OneHop { get; private init; }

    public Summation? Sum { get; private init; }

    /// <summary>Number of terms of the sum: the nodes of all ranks.</summary>
    public int Terms { get; private init; }

    public bool Reduces => Sum is not null;

    public bool Gathers => Collective is Collective.AllReduce or Collective.AllGather or Collective.Broadcast;

    /// <summary>Equal on all ranks, or they were not asked for the same thing.</summary>
    public long Digest { get; private init; }

    /// <summary>Place in the sum of each rank's nodes.</summary>
    private ImmutableArray<ImmutableArray<int>> Slots { get; init; } = [];

    /// <summary>Broadcast: whose bytes count; else -1.</summary>
    private int Root { get; init; } = -1;

    public static OperationPlan Reduce(
        Collective collective, GroupOptions group, CanonicalTree tree, IReadOnlyList<ImmutableArray<TreeNode>> nodes, long length)
    {
        if (nodes.Count != group.WorldSize)
        {
            throw new ArgumentException($"Nodes of {nodes.Count} ranks were given; the group has {group.WorldSize}.", nameof(nodes));
        }

        var order = nodes.SelectMany((own, rank) => own.Select((node, index) => (Node: node, rank, index))).OrderBy(n => n.Node).ToArray();
        var additions = tree.Additions([.. order.Select(n => n.Node)]);
        var oneHop = collective == Collective.AllReduce && group.WorldSize > 1 && length * sizeof(float) * order.Length <= group.OneHopBytes;
        var rounds = group.Wire == WireType.Bf16 && group.WorldSize > 1 && !oneHop;
        return new OperationPlan(collective, group, length)
        {
            Sum = new Summation(additions, RoundTerms: rounds, RoundTotal: rounds && collective == Collective.AllReduce),
            Terms = order.Length,
            Slots = [.. nodes.Select((own, rank) => own.Select((_, index) => Array.FindIndex(order, n => n.rank == rank && n.index == index)).ToImmutableArray())],
            Encoding = rounds ? WireType.Bf16 : WireType.Fp32,
            OneHop = oneHop,
            Digest = DigestOf([length, tree.Leaves, group.ChunkBytes, (long)group.Wire, .. nodes.SelectMany((own, rank) => own.SelectMany(n => new long[] { rank, n.Height, n.Index }))]),
        };
    }

    public static OperationPlan Gather(GroupOptions group, long length) =>
        new(Collective.AllGather, group, length) { Digest = DigestOf([length, group.ChunkBytes]) };

    public static OperationPlan Broadcast(GroupOptions group, int root, long length) =>
        root >= 0 && root < group.WorldSize
            ? new(Collective.Broadcast, group, length) { Root = root, Digest = DigestOf([length, group.ChunkBytes, root]) }
            : throw new ArgumentOutOfRangeException(nameof(root), $"The root is rank {root}; the group has ranks 0 to {group.WorldSize - 1}.");

    public static OperationPlan Barrier(GroupOptions group) => new(Collective.Barrier, group, 0);

    public Slice SliceOf(int rank) => Root < 0
        ? Slice.Of(Length, rank, WorldSize)
        : new Slice(0, rank == Root ? Length : 0);

    public int ChunksOf(int rank) => OneHop ? 0 : SliceOf(rank).Chunks(ChunkFloats);

    public int NodesOf(int rank) => Reduces ? Slots[rank].Length : 0;

    /// <summary>Place in the sum of a rank's node.</summary>
    /// <exception cref="InvalidDataException">The rank has no such node.</exception>
    public int Slot(int rank, int node) => node >= 0 && node < NodesOf(rank)
        ? Slots[rank][node]
        : throw new InvalidDataException($"it has no node {node}");

    public long BytesOf(long floats) => floats * (Encoding == WireType.Bf16 ? sizeof(ushort) : sizeof(float));

    private static long DigestOf(ReadOnlySpan<long> values) => (long)XxHash3.HashToUInt64(MemoryMarshal.AsBytes(values));
}
