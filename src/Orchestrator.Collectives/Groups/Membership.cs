using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Orchestrator.Collectives.Local;
using Orchestrator.Collectives.Memory;
using Orchestrator.Collectives.Protocol;
using Orchestrator.Collectives.Wire;
using Orchestrator.Core;

namespace Orchestrator.Collectives.Groups;

/// <summary>
/// The links of one rank to all others and the operations that run over them: brings frames to their operation, watches the
/// deadlines, and when a peer fails ends what needs it and tells the rest whom it suspects.
/// </summary>
internal sealed class Membership : ISpeaker, ILinkOwner, ILocalOwner, IPost, IAsyncDisposable
{
    private readonly GroupOptions _options;
    private readonly OperationTable _operations;
    private readonly ChunkPool _pool;
    private readonly Topology _topology;
    private readonly LocalExchange? _local;
    private readonly Link?[] _links;
    private readonly List<GrpcChannel> _channels = [];
    private readonly List<Task> _tasks = [];
    private readonly CancellationTokenSource _closing = new();
    private readonly TaskCompletionSource _spoken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private int _speaking;
    private long _late;
    private CollectiveException? _broken;
    private bool _disposed;

    public Membership(GroupOptions options, Topology topology, SharedBuffers memory, OperationTable operations)
    {
        (_options, _operations, _pool) = (options, operations, new ChunkPool(options.ChunkBytes));
        _local = topology.RanksBeside(options.Rank).Length > 1 ? new LocalExchange(options, topology, memory, this) : null;
        _topology = topology;
        _links = [.. options.Members.Select((endpoint, rank) => rank == options.Rank ? null : new Link(rank, endpoint, options, this))];
    }

    public long LateFrames => Interlocked.Read(ref _late);

    private IEnumerable<Link> Links => _links.OfType<Link>();

    /// <exception cref="CollectiveException">A rank did not come or refused.</exception>
    public async Task MeetAsync(CancellationToken cancellation)
    {
        foreach (var link in Links)
        {
            for (var connection = 0; connection < _options.Connections; connection++)
            {
                var channel = Channels.Open(link.Endpoint.Address, _options.Tls, _options.LargestFrame);
                _channels.Add(channel);
                _tasks.Add(link.ListenAsync(channel.CreateCallInvoker(), connection, _closing.Token));
            }
        }

        try
        {
            await AllFormedAsync().WaitAsync(_options.ConnectDeadline, _options.Time, cancellation);
        }
        catch (TimeoutException)
        {
            var missing = Links.First(link => !link.Formed.IsCompletedSuccessfully);
            throw Failure(null, new Verdict(missing.Peer, "connect", $"did not come within {_options.ConnectDeadline.TotalSeconds:0.#} s", 0));
        }

        // Who came first has had nobody to talk to while the last one was awaited: that is no silence.
        foreach (var link in Links)
        {
            link.Forgive();
        }

        _tasks.Add(WatchAsync());
    }

    public async Task SpeakAsync(AttachRequest request, IServerStreamWriter<OutgoingFrame> stream, CancellationToken cancellation)
    {
        if (request.WorldSize != _options.WorldSize || request.Connections != _options.Connections
            || request.Caller < 0 || request.Caller >= _links.Length || _links[request.Caller] is not { } link)
        {
            throw new RpcException(new Status(
                StatusCode.FailedPrecondition,
                $"Rank {request.Caller} of {request.WorldSize} with {request.Connections} connections asks; here is rank {_options.Rank} of {_options.WorldSize} with {_options.Connections}."));
        }

        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _closing.Token);
        Interlocked.Increment(ref _speaking);
        try
        {
            await link.SpeakAsync(request.Connection, stream, both.Token);
        }
        finally
        {
            if (Interlocked.Decrement(ref _speaking) == 0 && _disposed)
            {
                _spoken.TrySetResult();
            }
        }
    }

    public async Task RunAsync(OperationKey key, OperationPlan plan, IReadOnlyList<FloatBuffer> mine, FloatBuffer result, CancellationToken cancellation)
    {
        var operation = Create(key, plan, mine, result);
        var early = Enter(operation);
        try
        {
            operation.Start();
            foreach (var frame in early)
            {
                Receive(_links[frame.From]!, frame.Header, frame.Payload);
            }

            AbandonIfLost(operation);
            await using var cancelling = cancellation.UnsafeRegister(_ => Cancel(operation, cancellation), null);
            await operation.Completion;
        }
        finally
        {
            _operations.End(operation);
        }
    }

    public ReadOnlyMemory<byte> Introduction => _local is null ? default : _local.Introduce().ToByteArray();

    public void Meet(Link peer, ReadOnlySpan<byte> introduction)
    {
        if (_topology.Together(_options.Rank, peer.Peer))
        {
            _local!.Meet(peer.Peer, Protocol.Introduction.Parser.ParseFrom(introduction));
        }
    }

    public void Fail(LocalOperation operation, Verdict verdict) => Abandon(operation, Failure(operation.Key, verdict), verdict.Suspect);

    public void Replay(LocalOperation operation, EarlyFrame frame) => Receive(_links[frame.From]!, frame.Header, frame.Payload);

    public void Post(int peer, SendItem item) => _links[peer]!.Post(item);

    public void Receive(Link from, in FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (header.Key.Id.Term != _options.Term || header.Key.Id.Generation != _options.Generation)
        {
            Lost(from, $"sent a frame of {header.Key.Id} on a stream of term {_options.Term} generation {_options.Generation}");
            return;
        }

        try
        {
            if (_operations.Find(from.Peer, header, payload, out var late) is { } operation)
            {
                Deliver(from, operation, header, payload);
            }
            else if (late)
            {
                AnswerLate(from, header);
            }
        }
        catch (InvalidDataException error)
        {
            Lost(from, $"sent what does not fit: {error.Message}");
        }
    }

    public void Lost(Link from, string reason)
    {
        if (!from.Formed.IsCompletedSuccessfully)
        {
            from.FailToForm(Failure(null, new Verdict(from.Peer, "connect", reason, 0)));
        }

        Break(from, reason, onlyOwed: false);
    }

    public void Deaf(Link to, string reason) => Break(to, reason, onlyOwed: true);

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            _broken ??= new CollectiveException("The group has been disposed.") { Phase = "closed" };
        }

        var active = _operations.Active;
        foreach (var operation in active)
        {
            Abandon(operation, new CollectiveException($"{operation.Key}: the group was disposed on this rank.") { Phase = "closed", Bucket = operation.Key.Tag }, _options.Rank);
        }

        await SayGoodbyeAsync();
        await _closing.CancelAsync();
        await Task.WhenAll(active.Select(o => o.Completion)).ContinueWith(_ => { }, TaskScheduler.Default);
        await Task.WhenAll(_tasks);
        if (_local is not null)
        {
            await _local.DisposeAsync();
        }

        _channels.ForEach(channel => channel.Dispose());
        _pool.Dispose();
        _closing.Dispose();
    }

    /// <summary>Ends at the first refusal, whoever else is still awaited.</summary>
    private async Task AllFormedAsync()
    {
        await foreach (var formed in Task.WhenEach(Links.Select(link => link.Formed)))
        {
            await formed;
        }
    }

    /// <summary>Through shared memory as far as the plan says so, else over the wire.</summary>
    private IOperation Create(OperationKey key, OperationPlan plan, IReadOnlyList<FloatBuffer> mine, FloatBuffer result)
    {
        if (_local is null || plan.Topology.RanksBeside(_options.Rank).Length == 1)
        {
            return new Operation(key, plan, mine, result, this, _pool, _options.Time);
        }

        return new LocalOperation(key, plan, mine, result, plan.Topology.Hosts > 1 ? Wire : null, _local, _options.Time);

        Operation Wire(IReadOnlyList<FloatBuffer> folded, FloatBuffer total) => new(key, plan, folded, total, this, _pool, _options.Time);
    }

    private IReadOnlyList<EarlyFrame> Enter(IOperation operation)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(CollectiveGroup));
            return _broken is null ? _operations.Add(operation) : throw Again(_broken);
        }
    }

    private void Deliver(Link from, IOperation operation, in FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (header.Kind == FrameKind.Abort)
        {
            var suspect = header.Slot >= 0 && header.Slot < _links.Length && header.Slot != _options.Rank ? header.Slot : from.Peer;
            var reason = $"{from} gave it up: {System.Text.Encoding.UTF8.GetString(payload)}";
            var here = operation.Without(suspect, reason, onlyOwed: false) ?? new Verdict(suspect, "abort", reason, 0);
            operation.Close(new CollectiveException($"{operation.Key}, {here.Phase}: {reason}")
            {
                Suspect = suspect,
                Phase = here.Phase,
                Bucket = operation.Key.Tag,
                BytesMissing = here.BytesMissing,
            });
        }
        else if (!operation.Receive(from.Peer, header, payload))
        {
            Interlocked.Increment(ref _late);
        }
    }

    /// <summary>What is late is dropped; one who starts what has ended here is told, so that it does not wait.</summary>
    private void AnswerLate(Link from, in FrameHeader header)
    {
        Interlocked.Increment(ref _late);
        if (header.Kind == FrameKind.Begin)
        {
            TellAbort(from, header.Key, _operations.SuspectOf(header.Key) ?? _options.Rank, $"rank {_options.Rank} is at {_operations.Newest} and has ended this");
        }
    }

    private void Break(Link link, string reason, bool onlyOwed)
    {
        if (_closing.IsCancellationRequested)
        {
            return;
        }

        lock (_gate)
        {
            _broken ??= Failure(null, new Verdict(link.Peer, "connect", reason, 0));
        }

        foreach (var operation in _operations.Active)
        {
            if (operation.Without(link.Peer, reason, onlyOwed) is { } verdict)
            {
                Abandon(operation, Failure(operation.Key, verdict), link.Peer);
            }
        }
    }

    /// <summary>A peer may have been lost between the check and the entry of a new operation.</summary>
    private void AbandonIfLost(IOperation operation)
    {
        CollectiveException? broken;
        lock (_gate)
        {
            broken = _broken;
        }

        if (broken is { Suspect: { } suspect } && operation.Without(suspect, "is gone", onlyOwed: false) is { } verdict)
        {
            Abandon(operation, Failure(operation.Key, verdict with { Reason = broken.Message }), suspect);
        }
    }

    private void Cancel(IOperation operation, CancellationToken cancellation)
    {
        if (operation.Close(new OperationCanceledException(cancellation)))
        {
            TellAborts(operation.Key, _options.Rank, $"cancelled on rank {_options.Rank}");
        }
    }

    private void Abandon(IOperation operation, CollectiveException failure, int suspect)
    {
        if (operation.Close(failure))
        {
            TellAborts(operation.Key, suspect, failure.Message.Replace($"{operation.Key}, ", "", StringComparison.Ordinal));
        }
    }

    private void TellAborts(OperationKey key, int suspect, string reason)
    {
        foreach (var link in Links)
        {
            TellAbort(link, key, suspect, reason);
        }
    }

    private static void TellAbort(Link link, OperationKey key, int suspect, string reason) =>
        link.Post(new SendItem(null, new FrameHeader(FrameKind.Abort, key, suspect), Text: System.Text.Encoding.UTF8.GetBytes(reason)));

    /// <summary>Heartbeats out, deadlines judged. After a pause of this process itself the peers get a fresh deadline.</summary>
    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(_options.Heartbeat, _options.Time);
        var looked = _options.Time.GetTimestamp();
        while (await TickAsync(timer))
        {
            var paused = _options.Time.GetElapsedTime(looked) > _options.Heartbeat + _options.ProgressDeadline / 2;
            looked = _options.Time.GetTimestamp();
            foreach (var link in Links)
            {
                link.Post(new SendItem(null, new FrameHeader(FrameKind.Heartbeat, Nameless())));
                if (paused)
                {
                    link.Forgive();
                }
            }

            Judge();
        }
    }

    private async Task<bool> TickAsync(PeriodicTimer timer)
    {
        try
        {
            return await timer.WaitForNextTickAsync(_closing.Token);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private void Judge()
    {
        foreach (var operation in _operations.Active)
        {
            if (operation.Judge(rank => (_links[rank]!.SinceHeard, _links[rank]!.SinceMoved), _options.ProgressDeadline, _options.ArrivalDeadline) is { } verdict)
            {
                Abandon(operation, Failure(operation.Key, verdict), verdict.Suspect);
            }
        }
    }

    private async Task SayGoodbyeAsync()
    {
        foreach (var link in Links)
        {
            link.Finish();
        }

        if (Volatile.Read(ref _speaking) > 0)
        {
            await Task.WhenAny(_spoken.Task, Task.Delay(TimeSpan.FromSeconds(1), _options.Time));
        }
    }

    private CollectiveException Failure(OperationKey? key, Verdict verdict)
    {
        var what = key is { } named ? $"{named}, {verdict.Phase}" : verdict.Phase;
        var missing = verdict.BytesMissing > 0 ? $"; {verdict.BytesMissing} bytes from it are missing" : "";
        var who = _links[verdict.Suspect]?.ToString() ?? $"rank {verdict.Suspect} (this one)";
        return new CollectiveException($"{what}: {who} {verdict.Reason.TrimEnd('.')}{missing}.")
        {
            Suspect = verdict.Suspect,
            Phase = verdict.Phase,
            Bucket = key?.Tag ?? 0,
            BytesMissing = verdict.BytesMissing,
        };
    }

    private static CollectiveException Again(CollectiveException broken) => new($"This generation has ended: {broken.Message}", broken)
    {
        Suspect = broken.Suspect,
        Phase = broken.Phase,
        Bucket = broken.Bucket,
        BytesMissing = broken.BytesMissing,
    };

    private OperationKey Nameless() => new(new StepId(_options.Term, _options.Generation, 0, 0), 0, 0);
}
