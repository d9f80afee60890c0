using Orchestrator.Collectives.Groups;
using Orchestrator.Collectives.Wire;
using Orchestrator.Core;

namespace Orchestrator.Collectives.Local;

/// <summary>
/// A collective in which this rank shares memory with others; <see cref="LocalExchange"/>'s thread carries it out. Where other hosts
/// take part, <paramref name="wire"/> is the part between the hosts.
/// </summary>
internal sealed class LocalOperation(
    OperationKey key,
    OperationPlan plan,
    IReadOnlyList<FloatBuffer> mine,
    FloatBuffer result,
    Func<IReadOnlyList<FloatBuffer>, FloatBuffer, Operation>? wire,
    LocalExchange exchange,
    TimeProvider time) : IOperation
{
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<EarlyFrame> _early = [];
    private readonly PeerProgress[] _peers = [.. plan.Topology.RanksBeside(plan.Rank).Where(rank => rank != plan.Rank).Select(rank => new PeerProgress(rank)
    {
        MissingSums = plan.Gathers ? plan.SliceOf(rank).Length * sizeof(float) : 0,
        Reads = true,
        MovedAt = time.GetTimestamp(),
    })];

    private readonly Dictionary<int, int> _signals = [];
    private Operation? _wire;
    private Exception? _failure;
    private bool _running;
    private volatile bool _closed;

    public OperationKey Key => key;

    public OperationPlan Plan => plan;

    public IReadOnlyList<FloatBuffer> Mine => mine;

    public FloatBuffer Result => result;

    public Task Completion => _done.Task;

    public bool HasWire => wire is not null;

    /// <summary>The thread leaves the caller's buffers as soon as it sees this.</summary>
    public bool IsClosed => _closed;

    public void Start() => exchange.Enqueue(this);

    public bool Receive(int from, in FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (!HasWire)
        {
            throw new InvalidDataException("all ranks share memory here, but it came over the wire");
        }

        Operation? open;
        lock (_gate)
        {
            open = _wire;
            if (open is null && !_closed)
            {
                _early.Add(new EarlyFrame(from, header, payload.ToArray()));
                return true;
            }
        }

        return open is not null && open.Receive(from, header, payload);
    }

    public bool Close(Exception failure)
    {
        Operation? open;
        bool idle;
        lock (_gate)
        {
            if (_closed)
            {
                return false;
            }

            (_closed, _failure, open, idle) = (true, failure, _wire, !_running);
        }

        open?.Close(failure);
        exchange.Nudge();
        if (idle)
        {
            _done.TrySetException(failure);
        }

        return true;
    }

    /// <summary>The thread takes the operation up; false if it was closed before.</summary>
    public bool TryRun()
    {
        lock (_gate)
        {
            _running = !_closed;
            return _running;
        }
    }

    /// <summary>The thread, and the part between the hosts, have left the buffers.</summary>
    public void Ended()
    {
        lock (_gate)
        {
            _closed = true;
        }

        _ = _failure is null ? _done.TrySetResult() : _done.TrySetException(_failure);
    }

    /// <summary>Starts the part between the hosts, over what this host has added up.</summary>
    /// <returns>Null if the operation was closed meanwhile.</returns>
    public Operation? StartWire(IReadOnlyList<FloatBuffer> folded, FloatBuffer total)
    {
        EarlyFrame[] early;
        lock (_gate)
        {
            if (_closed)
            {
                return null;
            }

            _wire = wire!(folded, total);
            early = [.. _early];
        }

        _wire.Start();
        foreach (var frame in early)
        {
            exchange.Replay(this, frame);
        }

        return _wire;
    }

    public void Began(int rank) => Update(rank, peer => peer.Begun = true);

    public void Copied(int rank, long bytes) => Update(rank, peer => peer.MissingSums -= bytes);

    public void Released(int rank) => Update(rank, peer => peer.Reads = false);

    public Verdict? Judge(Func<int, (TimeSpan Heard, TimeSpan Moved)> link, TimeSpan deadline, TimeSpan arrival)
    {
        Operation? open;
        lock (_gate)
        {
            if (_closed)
            {
                return null;
            }

            open = _wire is { Completion.IsCompleted: false } ? _wire : null;
            if (open is null)
            {
                return Watchdog.Judge(_peers.Select(peer => (peer, SinceMoved(peer), link(peer.Rank).Heard)), deadline, arrival);
            }
        }

        return open.Judge(link, deadline, arrival);
    }

    public Verdict? Without(int rank, string reason, bool onlyOwed)
    {
        Operation? open;
        lock (_gate)
        {
            open = _wire;
            if (_closed || (onlyOwed && open is null))
            {
                return null;
            }

            if (_peers.FirstOrDefault(p => p.Rank == rank) is { } peer)
            {
                return peer.Awaited ? new Verdict(rank, peer.Begun ? "all-gather" : "begin", reason, peer.MissingSums) : null;
            }
        }

        return open is not null ? open.Without(rank, reason, onlyOwed) : new Verdict(rank, "begin", reason, 0);
    }

    /// <summary>A peer moves, too, when it does anything that its board shows: it may be busy with others.</summary>
    private TimeSpan SinceMoved(PeerProgress peer)
    {
        var signal = exchange.SignalOf(peer.Rank);
        if (peer.Begun && (!_signals.TryGetValue(peer.Rank, out var seen) || seen != signal))
        {
            _signals[peer.Rank] = signal;
            peer.MovedAt = time.GetTimestamp();
        }

        return time.GetElapsedTime(peer.MovedAt);
    }

    private void Update(int rank, Action<PeerProgress> change)
    {
        lock (_gate)
        {
            var peer = _peers.First(p => p.Rank == rank);
            change(peer);
            peer.MovedAt = time.GetTimestamp();
        }
    }
}
