using System.Threading.Channels;
using Grpc.Core;
using Orchestrator.Collectives.Protocol;
using Orchestrator.Collectives.Wire;

namespace Orchestrator.Collectives.Groups;

/// <summary>What a group hears from its links.</summary>
internal interface ILinkOwner
{
    /// <summary>What every peer is told first.</summary>
    ReadOnlyMemory<byte> Introduction { get; }

    /// <summary>What a peer has told first.</summary>
    /// <exception cref="IOException">Its shared memory cannot be opened.</exception>
    void Meet(Link peer, ReadOnlySpan<byte> introduction);

    void Receive(Link from, in FrameHeader header, ReadOnlySpan<byte> payload);

    /// <summary>Nothing more will come from the peer.</summary>
    void Lost(Link from, string reason);

    /// <summary>Nothing more can be sent to the peer.</summary>
    void Deaf(Link to, string reason);
}

/// <summary>
/// The two directions between this rank and one peer. Frames for the peer queue here until the stream it opened takes them; what
/// comes down the stream this rank opened goes to the owner at once. Several connections share the queue.
/// </summary>
internal sealed class Link(int peer, Endpoint endpoint, GroupOptions options, ILinkOwner owner) : IFrameSink
{
    private readonly Channel<SendItem> _outgoing = Channel.CreateUnbounded<SendItem>();
    private readonly TaskCompletionSource _formed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private readonly HashSet<int> _spoken = [];
    private int _heard, _goodbyes, _ended;
    private long _heardAt = options.Time.GetTimestamp();
    private long _movedAt = options.Time.GetTimestamp();

    public int Peer => peer;

    public Endpoint Endpoint => endpoint;

    /// <summary>Ends when the peer hears this rank and this rank the peer, on every connection.</summary>
    public Task Formed => _formed.Task;

    public TimeSpan SinceHeard => options.Time.GetElapsedTime(Interlocked.Read(ref _heardAt));

    /// <summary>Since a chunk was received from the peer or handed to its connection.</summary>
    public TimeSpan SinceMoved => options.Time.GetElapsedTime(Interlocked.Read(ref _movedAt));

    public override string ToString() => $"rank {peer} ({endpoint.Address})";

    public void Post(SendItem item) => _outgoing.Writer.TryWrite(item);

    /// <summary>After what is queued each connection says goodbye, and nothing more is sent.</summary>
    public void Finish() => _outgoing.Writer.TryComplete();

    /// <summary>A pause of this process is not the peers' silence: starts counting anew.</summary>
    public void Forgive() => Interlocked.Exchange(ref _heardAt, options.Time.GetTimestamp());

    public void FailToForm(Exception reason) => _formed.TrySetException(reason);

    /// <summary>Writes queued frames to the stream the peer has opened, until <see cref="Finish"/>.</summary>
    public async Task SpeakAsync(int connection, IServerStreamWriter<OutgoingFrame> stream, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (!_spoken.Add(connection))
            {
                throw new RpcException(new Status(StatusCode.AlreadyExists, $"Rank {peer} already hears this rank on connection {connection}."));
            }
        }

        try
        {
            var frame = new OutgoingFrame { Header = new FrameHeader(FrameKind.Hello, Nameless()), Text = owner.Introduction };
            await stream.WriteAsync(frame, cancellation);
            CheckFormed();
            while (await _outgoing.Reader.WaitToReadAsync(cancellation))
            {
                while (_outgoing.Reader.TryRead(out var item))
                {
                    await WriteAsync(frame, item, stream, cancellation);
                }
            }

            (frame.Header, frame.Floats, frame.Text) = (new FrameHeader(FrameKind.Goodbye, Nameless()), default, default);
            await stream.WriteAsync(frame, cancellation);
        }
        catch (Exception error) when (error is OperationCanceledException or InvalidOperationException or IOException)
        {
            owner.Deaf(this, "closed the stream on which it hears this rank");
        }
    }

    /// <summary>Hears the peer until it ends, is lost, or <paramref name="cancellation"/>.</summary>
    public async Task ListenAsync(CallInvoker peerServer, int connection, CancellationToken cancellation)
    {
        var request = new AttachRequest
        {
            RunId = options.RunId,
            Term = options.Term,
            Generation = options.Generation,
            WorldSize = options.WorldSize,
            Caller = options.Rank,
            Called = peer,
            Connection = connection,
            Connections = options.Connections,
        };
        var started = options.Time.GetTimestamp();
        while (!await HearAsync(peerServer, request, cancellation)
            && options.Time.GetElapsedTime(started) is var tried && !cancellation.IsCancellationRequested)
        {
            if (tried > options.ProgressDeadline)
            {
                owner.Lost(this, $"could not be reached for {tried.TotalSeconds:0.#} s");
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), options.Time, cancellation).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    /// <summary>False if nobody answered at all, which may be because the peer's server is about to start.</summary>
    private async Task<bool> HearAsync(CallInvoker peerServer, AttachRequest request, CancellationToken cancellation)
    {
        try
        {
            var call = new CallOptions(TokenCheck.Headers(options.Token), cancellationToken: cancellation);
            using var stream = peerServer.AsyncServerStreamingCall(RankMethods.Incoming(this), null, call, request);
            while (await stream.ResponseStream.MoveNext(cancellation))
            {
            }

            // A connection that has said goodbye may end before the last chunk has come on another.
            if (Interlocked.Increment(ref _ended) > Volatile.Read(ref _goodbyes))
            {
                owner.Lost(this, "ended its stream");
            }
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.Unavailable && Volatile.Read(ref _heard) == 0)
        {
            return false;
        }
        catch (Exception error) when (error is RpcException or OperationCanceledException)
        {
            if (!cancellation.IsCancellationRequested)
            {
                owner.Lost(this, Reason(error));
            }
        }

        return true;
    }

    public void Receive(in FrameHeader header, ReadOnlySpan<byte> payload)
    {
        Interlocked.Exchange(ref _heardAt, options.Time.GetTimestamp());
        switch (header.Kind)
        {
            case FrameKind.Hello:
                Greet(payload);
                break;
            case FrameKind.Heartbeat:
                break;
            case FrameKind.Goodbye:
                if (Interlocked.Increment(ref _goodbyes) == options.Connections)
                {
                    owner.Lost(this, "has left the generation");
                }

                break;
            default:
                Moved();
                owner.Receive(this, header, payload);
                break;
        }
    }

    public void ReceiveBroken(string reason) => owner.Lost(this, $"sent a broken frame: {reason}");

    /// <summary>A refusal that waiting cannot mend.</summary>
    internal static bool IsFinal(RpcException error) => error.StatusCode
        is StatusCode.Unauthenticated or StatusCode.FailedPrecondition or StatusCode.AlreadyExists or StatusCode.InvalidArgument or StatusCode.Unimplemented;

    private static string Reason(Exception error) => error switch
    {
        RpcException refusal when IsFinal(refusal) => $"refused: {refusal.Status.Detail}",
        RpcException { StatusCode: StatusCode.ResourceExhausted } => "announced a message above any frame's size",
        RpcException rpc => $"closed its connection ({rpc.StatusCode})",
        _ => "closed its connection",
    };

    private async Task WriteAsync(OutgoingFrame frame, SendItem item, IServerStreamWriter<OutgoingFrame> stream, CancellationToken cancellation)
    {
        if (item.Operation is { } operation && !operation.TryEnter())
        {
            return;
        }

        Task written;
        (frame.Header, frame.Floats, frame.Text) = (item.Header, item.Floats, item.Text);
        try
        {
            // The message is serialized before WriteAsync returns: from then on it only waits for the connection to take it.
            written = stream.WriteAsync(frame, cancellation);
        }
        finally
        {
            item.Operation?.Exit();
        }

        await written;
        if (item.Operation is { } moved)
        {
            Moved();
            moved.Written(peer, item.Header);
        }
    }

    private void Moved() => Interlocked.Exchange(ref _movedAt, options.Time.GetTimestamp());

    private void Greet(ReadOnlySpan<byte> introduction)
    {
        try
        {
            owner.Meet(this, introduction);
            Interlocked.Increment(ref _heard);
            CheckFormed();
        }
        catch (IOException error)
        {
            owner.Lost(this, $"shares no memory: {error.Message}");
        }
    }

    private void CheckFormed()
    {
        lock (_gate)
        {
            if (_spoken.Count == options.Connections && Volatile.Read(ref _heard) == options.Connections)
            {
                _formed.TrySetResult();
            }
        }
    }

    private OperationKey Nameless() => new(new Core.StepId(options.Term, options.Generation, 0, 0), 0, 0);
}
