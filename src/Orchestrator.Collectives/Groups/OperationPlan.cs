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
    private OperationPlan(Collective collective, GroupOptions group, Topology topology, long length)
    {
        (Collective, Topology, Rank, Length) = (collective, topology, group.Rank, length);
        ChunkFloats = group.ChunkBytes / sizeof(float);
        Encoding = WireType.Fp32;
    }

    public Collective Collective { get; }

    public Topology Topology { get; }

    public int WorldSize => Topology.WorldSize;

    public int Rank { get; }

    public long Length { get; }

    public long ChunkFloats { get; }

    public WireType Encoding { get; private init; }

    /// <summary>Every node goes to every rank at once, with the announcement; each rank adds them all.</summary>
    public bool OneHop { get; private init; }

    public Summation? Sum { get; private init; }

    /// <summary>Number of terms of the sum: the nodes of all ranks, or of all hosts.</summary>
    public int Terms { get; private init; }

    /// <summary>How this rank's host adds up its nodes before they travel; empty where every rank stands alone.</summary>
    public ImmutableArray<FoldedNode> Folded { get; private init; } = [];

    public bool Reduces => Sum is not null;

    public bool Gathers => Collective is Collective.AllReduce or Collective.AllGather or Collective.Broadcast;

    /// <summary>Equal on all ranks, or they were not asked for the same thing.</summary>
    public long Digest { get; private init; }

    /// <summary>Place in the sum of each rank's (or its host's) nodes.</summary>
    private ImmutableArray<ImmutableArray<int>> Slots { get; init; } = [];

    /// <summary>Broadcast: whose bytes count; else -1.</summary>
    private int Root { get; init; } = -1;

    /// <summary>
    /// Where all ranks share memory, or none do, the terms are the ranks' nodes. Between hosts of several ranks they are what each host
    /// can add up by itself.
    /// </summary>
    public static OperationPlan Reduce(
        Collective collective, GroupOptions group, Topology topology, CanonicalTree tree, IReadOnlyList<ImmutableArray<TreeNode>> nodes, long length)
    {
        if (nodes.Count != group.WorldSize)
        {
            throw new ArgumentException($"Nodes of {nodes.Count} ranks were given; the group has {group.WorldSize}.", nameof(nodes));
        }

        var oneHop = collective == Collective.AllReduce && topology.Hosts > 1 && length * sizeof(float) * nodes.Sum(own => own.Length) <= group.OneHopBytes;
        var used = topology.IsMixed && (oneHop || collective != Collective.AllReduce) ? Topology.Flat(group.WorldSize) : topology;
        var folded = used.IsMixed ? [.. nodes.Select((_, rank) => Fold(rank))] : Array.Empty<ImmutableArray<FoldedNode>>();
        var terms = nodes.Select((own, rank) => (Owner: used.IsMixed ? used.RanksBeside(rank)[0] : rank, Nodes: used.IsMixed ? [.. folded[rank].Select(f => f.Node)] : own)).ToArray();
        var order = terms.Where((t, rank) => t.Owner == rank).SelectMany(t => t.Nodes.Select((node, index) => (Node: node, t.Owner, index))).OrderBy(n => n.Node).ToArray();
        var rounds = group.Wire == WireType.Bf16 && used.Hosts > 1 && !oneHop;
        return new OperationPlan(collective, group, used, length)
        {
            Sum = new Summation(tree.Additions([.. order.Select(n => n.Node)]), RoundTerms: rounds, RoundTotal: rounds && collective == Collective.AllReduce),
            Terms = order.Length,
            Folded = used.IsMixed ? folded[group.Rank] : [],
            Slots = [.. terms.Select(t => t.Nodes.Select((_, index) => Array.FindIndex(order, n => n.Owner == t.Owner && n.index == index)).ToImmutableArray())],
            Encoding = rounds ? WireType.Bf16 : WireType.Fp32,
            OneHop = oneHop,
            Digest = DigestOf([length, tree.Leaves, group.ChunkBytes, (long)group.Wire, .. nodes.SelectMany((own, rank) => own.SelectMany(n => new long[] { rank, n.Height, n.Index }))]),
        };

        ImmutableArray<FoldedNode> Fold(int rank) => Folding.Fold(tree, [.. used.RanksBeside(rank).SelectMany(beside => nodes[beside])]);
    }

    public static OperationPlan Gather(GroupOptions group, Topology topology, long length) =>
        new(Collective.AllGather, group, Whole(topology), length) { Digest = DigestOf([length, group.ChunkBytes]) };

    public static OperationPlan Broadcast(GroupOptions group, Topology topology, int root, long length) =>
        root >= 0 && root < group.WorldSize
            ? new(Collective.Broadcast, group, Whole(topology), length) { Root = root, Digest = DigestOf([length, group.ChunkBytes, root]) }
            : throw new ArgumentOutOfRangeException(nameof(root), $"The root is rank {root}; the group has ranks 0 to {group.WorldSize - 1}.");

    public static OperationPlan Barrier(GroupOptions group, Topology topology) => new(Collective.Barrier, group, Whole(topology), 0);

    public bool SendsNodesTo(int rank) => Reduces && !OneHop && Topology.Exchanges(Rank, rank);

    public bool GetsNodesFrom(int rank) => Reduces && !OneHop && Topology.Exchanges(rank, Rank);

    public bool SendsSumTo(int rank) => Gathers && !OneHop && Topology.Exchanges(rank, Rank);

    public bool GetsSumFrom(int rank) => Gathers && !OneHop && Topology.Exchanges(Rank, rank);

    public Slice SliceOf(int rank) => Root < 0
        ? Slice.Of(Length, rank, WorldSize)
        : new Slice(0, rank == Root ? Length : 0);

    public int ChunksOf(int rank) => OneHop ? 0 : SliceOf(rank).Chunks(ChunkFloats);

    public int NodesOf(int rank) => Reduces ? Slots[rank].Length : 0;

    /// <summary>Place in the sum of a node that a rank holds or sends.</summary>
    /// <exception cref="InvalidDataException">The rank has no such node.</exception>
    public int Slot(int rank, int node) => node >= 0 && node < NodesOf(rank)
        ? Slots[rank][node]
        : throw new InvalidDataException($"it has no node {node}");

    public long BytesOf(long floats) => floats * (Encoding == WireType.Bf16 ? sizeof(ushort) : sizeof(float));

    /// <summary>Only a reduction is worth two stages: the rest goes rank to rank where the group is mixed.</summary>
    private static Topology Whole(Topology topology) => topology.IsMixed ? Topology.Flat(topology.WorldSize) : topology;

    private static long DigestOf(ReadOnlySpan<long> values) => (long)XxHash3.HashToUInt64(MemoryMarshal.AsBytes(values));
}
