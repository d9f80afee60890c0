using System.Collections.Immutable;
using Orchestrator.Collectives.Groups;
using Orchestrator.Collectives.Wire;
using Orchestrator.Core;

namespace Orchestrator.Collectives;

/// <summary>
/// One rank's place in one generation of a run: the collectives of that generation, until a peer fails or the group is disposed. After
/// a peer has failed every call ends at once with the same error; the same server can form the next generation meanwhile.
/// All ranks start the same operations; an operation is named by its StepId and number, and a StepId never goes back.
/// </summary>
public sealed class CollectiveGroup : IGradientExchange, IAsyncDisposable
{
    private readonly GroupOptions _options;
    private readonly CollectiveServer _server;
    private readonly OperationTable _operations = new();
    private readonly Topology _topology;
    private readonly Membership _membership;

    private CollectiveGroup(CollectiveServer server, GroupOptions options)
    {
        (_server, _options, _topology) = (server, options, Topology.Of(options));
        _membership = new Membership(options, _topology, server.Memory, _operations);
    }

    public int Rank => _options.Rank;

    public int WorldSize => _options.WorldSize;

    /// <summary>Frames that came too late to mean anything, and changed nothing.</summary>
    public long LateFrames => _membership.LateFrames;

    /// <summary>Meets the other ranks; ends when all of them have met all.</summary>
    /// <param name="server">This process's server, whose endpoint is <c>options.Members[options.Rank]</c>.</param>
    /// <exception cref="CollectiveException">A rank did not come within the connect deadline, or refused; names it.</exception>
    public static async Task<CollectiveGroup> ConnectAsync(CollectiveServer server, GroupOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(server);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        var group = new CollectiveGroup(server, options);
        try
        {
            if (group.WorldSize > 1)
            {
                server.Groups.Add(options.Id, group._membership);
                await group._membership.MeetAsync(cancellation);
            }

            return group;
        }
        catch
        {
            await group.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public Task AllReduceAsync(
        StepId id,
        int bucket,
        CanonicalTree tree,
        IReadOnlyList<ImmutableArray<TreeNode>> nodes,
        IReadOnlyList<FloatBuffer> mine,
        FloatBuffer result,
        CancellationToken cancellation) =>
        ReduceAsync(Collective.AllReduce, id, bucket, tree, nodes, mine, result, cancellation);

    /// <summary>One buffer a rank, added in rank order along a tree whose leaves are the ranks.</summary>
    public Task AllReduceAsync(StepId id, int bucket, FloatBuffer mine, FloatBuffer result, CancellationToken cancellation = default) =>
        ReduceAsync(Collective.AllReduce, id, bucket, new CanonicalTree(WorldSize), RanksAsLeaves(), [mine], result, cancellation);

    /// <summary>As <see cref="AllReduceAsync(StepId, int, FloatBuffer, FloatBuffer, CancellationToken)"/>, but each rank gets only <see cref="SliceOf"/> of the sum.</summary>
    public Task ReduceScatterAsync(StepId id, int bucket, FloatBuffer mine, FloatBuffer result, CancellationToken cancellation = default) =>
        ReduceAsync(Collective.ReduceScatter, id, bucket, new CanonicalTree(WorldSize), RanksAsLeaves(), [mine], result, cancellation);

    /// <summary>Each rank brings <see cref="SliceOf"/> of the buffer and gets the rest; always fp32.</summary>
    public Task AllGatherAsync(StepId id, int number, FloatBuffer buffer, CancellationToken cancellation = default) =>
        RunAsync(new OperationKey(id, Collective.AllGather, number), OperationPlan.Gather(_options, _topology, buffer.Length), [], buffer, cancellation);

    /// <summary>The root's bytes go to all; always fp32.</summary>
    public Task BroadcastAsync(StepId id, int number, int root, FloatBuffer buffer, CancellationToken cancellation = default) =>
        RunAsync(new OperationKey(id, Collective.Broadcast, number), OperationPlan.Broadcast(_options, _topology, root, buffer.Length), [], buffer, cancellation);

    /// <summary>Ends when all ranks have called it.</summary>
    public Task BarrierAsync(StepId id, int number, CancellationToken cancellation = default) =>
        RunAsync(new OperationKey(id, Collective.Barrier, number), OperationPlan.Barrier(_options, _topology), [], default, cancellation);

    /// <summary>Start and length of the floats that a rank owns of a buffer.</summary>
    public (long Start, long Length) SliceOf(int rank, long length)
    {
        var slice = Slice.Of(length, rank, WorldSize);
        return (slice.Start, slice.Length);
    }

    /// <summary>Says goodbye and ends what is under way with an error; returns when nothing touches the callers' buffers any more.</summary>
    public async ValueTask DisposeAsync()
    {
        await _membership.DisposeAsync();
        _server.Groups.Remove(_options.Id, _membership);
    }

    private Task ReduceAsync(
        Collective collective,
        StepId id,
        int bucket,
        CanonicalTree tree,
        IReadOnlyList<ImmutableArray<TreeNode>> nodes,
        IReadOnlyList<FloatBuffer> mine,
        FloatBuffer result,
        CancellationToken cancellation)
    {
        var plan = OperationPlan.Reduce(collective, _options, _topology, tree, nodes, result.Length);
        if (mine.Count != nodes[Rank].Length || mine.Any(buffer => buffer.Length != result.Length))
        {
            throw new ArgumentException(
                $"Rank {Rank} holds {nodes[Rank].Length} nodes of {result.Length} floats; {mine.Count} buffers of [{string.Join(", ", mine.Select(b => b.Length))}] were given.", nameof(mine));
        }

        return RunAsync(new OperationKey(id, collective, bucket), plan, mine, result, cancellation);
    }

    private async Task RunAsync(OperationKey key, OperationPlan plan, IReadOnlyList<FloatBuffer> mine, FloatBuffer result, CancellationToken cancellation)
    {
        if (key.Id.Term != _options.Term || key.Id.Generation != _options.Generation)
        {
            throw new ArgumentException($"{key} is not of this group, which is term {_options.Term} generation {_options.Generation}.");
        }

        cancellation.ThrowIfCancellationRequested();
        await _membership.RunAsync(key, plan, mine, result, cancellation);
    }

    private ImmutableArray<TreeNode>[] RanksAsLeaves() =>
        [.. Enumerable.Range(0, WorldSize).Select(rank => ImmutableArray.Create(new TreeNode(0, rank)))];
}
