using Orchestrator.Collectives.Memory;
using Orchestrator.Collectives.Protocol;
using Orchestrator.Collectives.Wire;
using Orchestrator.Core;

namespace Orchestrator.Collectives.Groups;

/// <summary>
/// One collective under way on this rank, fed by the frames that arrive.
/// Each rank owns a slice: it gets the others' nodes of that slice (Contribution), adds them along the tree chunk by chunk, and gives
/// every finished chunk to all (Sum). A peer is sent to only when it has said Begin, so it always knows where the bytes go.
/// The task ends when nothing is pending, or it was closed with an error, and in both cases only after the last thread has left the
/// caller's buffers.
/// </summary>
internal sealed class Operation : IOperation
{
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly OperationPlan _plan;
    private readonly IReadOnlyList<FloatBuffer> _mine;
    private readonly FloatBuffer _result;
    private readonly IPost _post;
    private readonly TimeProvider _time;
    private readonly SliceSum? _sum;
    private readonly PeerProgress[] _peers;
    private readonly OneHop? _oneHop;
    private readonly List<int> _finished = [];
    private long _moves;
    private int _pending;
    private int _users;
    private bool _closed;
    private Exception? _failure;

    public Operation(OperationKey key, OperationPlan plan, IReadOnlyList<FloatBuffer> mine, FloatBuffer result, IPost post, ChunkPool pool, TimeProvider time)
    {
        (Key, _plan, _mine, _result, _post, _time) = (key, plan, mine, result, post, time);
        _oneHop = plan.OneHop ? new OneHop(plan, mine, result) : null;
        _sum = plan.Reduces && !plan.OneHop ? new SliceSum(plan, mine, result, pool) : null;
        _peers = [.. Enumerable.Range(0, plan.WorldSize).Select(Expect)];
        _pending = 1 + _peers.Where(p => p.Rank != plan.Rank).Sum(p => 1 + FramesFrom(p.Rank) + FramesTo(p.Rank)) + (_sum is null ? 0 : plan.ChunksOf(plan.Rank));
    }

    public OperationKey Key { get; }

    public Task Completion => _done.Task;

    /// <summary>Rises with everything that moves.</summary>
    public long Moves => Volatile.Read(ref _moves);

    private bool IsClosed
    {
        get
        {
            lock (_gate)
            {
                return _closed;
            }
        }
    }

    /// <summary>Tells the peers, and starts on what needs no peer.</summary>
    public void Start()
    {
        var begin = new FrameHeader(FrameKind.Begin, Key, Offset: _plan.Length, Count: _plan.Digest);
        foreach (var peer in Others())
        {
            _post.Post(peer.Rank, new SendItem(null, begin, Text: _oneHop?.Own));
        }

        if (!TryEnter())
        {
            return;
        }

        if (_sum is null)
        {
            Finish(Enumerable.Range(0, _plan.ChunksOf(_plan.Rank)), counted: false);
        }
        else if (_sum.NeedsNoPeer)
        {
            FinishAlone();
        }

        Settle(1);
        Exit();
    }

    public bool Receive(int from, in FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (!TryEnter())
        {
            return false;
        }

        try
        {
            switch (header.Kind)
            {
                case FrameKind.Begin:
                    PeerBegins(from, header, payload);
                    break;
                case FrameKind.Contribution:
                    Contribute(from, header, payload);
                    break;
                case FrameKind.Sum:
                    TakeSum(from, header, payload);
                    break;
                default:
                    throw new InvalidDataException($"a frame of kind {(int)header.Kind} has no place here");
            }
        }
        finally
        {
            Exit();
        }

        return true;
    }

    /// <summary>A frame of this operation has been handed to the connection.</summary>
    public void Written(int to, in FrameHeader header)
    {
        var bytes = header.PayloadBytes;
        lock (_gate)
        {
            _peers[to].Unsent -= bytes;
            _peers[to].MovedAt = _time.GetTimestamp();
        }

        Settle(1);
    }

    public bool Close(Exception failure)
    {
        lock (_gate)
        {
            if (_closed)
            {
                return false;
            }

            (_closed, _failure) = (true, failure);
            _users++;
        }

        Exit();
        return true;
    }

    /// <summary>Keeps the caller's buffers in place until <see cref="Exit"/>; false if the operation has ended.</summary>
    public bool TryEnter()
    {
        lock (_gate)
        {
            _users += _closed ? 0 : 1;
            return !_closed;
        }
    }

    public void Exit()
    {
        bool last;
        lock (_gate)
        {
            last = --_users == 0 && _closed;
        }

        if (last)
        {
            _sum?.Dispose();
            _ = _failure is null ? _done.TrySetResult() : _done.TrySetException(_failure);
        }
    }

    public Verdict? Judge(Func<int, (TimeSpan Heard, TimeSpan Moved)> link, TimeSpan deadline, TimeSpan arrival)
    {
        lock (_gate)
        {
            return _closed ? null : Watchdog.Judge(Others().Select(Observe), deadline, arrival);
        }

        (PeerProgress, TimeSpan, TimeSpan) Observe(PeerProgress peer)
        {
            var (heard, moved) = link(peer.Rank);
            var own = _time.GetElapsedTime(peer.MovedAt);
            return (peer, peer.Begun && moved < own ? moved : own, heard);
        }
    }

    public Verdict? Without(int rank, string reason, bool onlyOwed)
    {
        lock (_gate)
        {
            var peer = _peers[rank];
            var awaited = onlyOwed ? peer.Unsent > 0 : peer.Awaited;
            var phase = !peer.Begun ? "begin" : peer.MissingContributions > 0 ? "reduce-scatter" : peer.MissingSums > 0 ? "all-gather" : "send";
            return _closed || !awaited ? null : new Verdict(rank, phase, reason, peer.MissingContributions + peer.MissingSums);
        }
    }

    private PeerProgress Expect(int rank) => new(rank)
    {
        MissingContributions = _plan.GetsNodesFrom(rank) ? _plan.BytesOf(_plan.NodesOf(rank) * _plan.SliceOf(_plan.Rank).Length) : 0,
        MissingSums = _plan.GetsSumFrom(rank) ? _plan.BytesOf(_plan.SliceOf(rank).Length) : 0,
        Unsent = (_plan.SendsNodesTo(rank) ? _plan.BytesOf(_plan.NodesOf(_plan.Rank) * _plan.SliceOf(rank).Length) : 0)
            + (_plan.SendsSumTo(rank) ? _plan.BytesOf(_plan.SliceOf(_plan.Rank).Length) : 0),
        MovedAt = _time.GetTimestamp(),
    };

    private int FramesFrom(int rank) => _plan.GetsSumFrom(rank) ? _plan.ChunksOf(rank) : 0;

    private int FramesTo(int rank) => (_plan.SendsNodesTo(rank) ? _plan.NodesOf(_plan.Rank) * _plan.ChunksOf(rank) : 0)
        + (_plan.SendsSumTo(rank) ? _plan.ChunksOf(_plan.Rank) : 0);

    private IEnumerable<PeerProgress> Others() => _peers.Where(p => p.Rank != _plan.Rank);

    private void PeerBegins(int from, in FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (header.Offset != _plan.Length || header.Count != _plan.Digest)
        {
            throw new InvalidDataException($"it was asked for something else under the same name: {header.Offset} floats there, {_plan.Length} here{(header.Offset == _plan.Length ? ", with other nodes or settings" : "")}");
        }

        var expected = _oneHop?.BytesFrom(from) ?? 0;
        if (payload.Length != expected)
        {
            throw new InvalidDataException($"{payload.Length} bytes came with its start instead of {expected}");
        }

        lock (_gate)
        {
            var peer = _peers[from];
            if (peer.Begun)
            {
                throw new InvalidDataException("it started the same operation twice");
            }

            (peer.Begun, peer.MovedAt) = (true, _time.GetTimestamp());
            SendContributions(from);
            _finished.ForEach(chunk => SendSum(from, chunk));
        }

        _oneHop?.Take(from, payload);
        Settle(1);
    }

    private void SendContributions(int to)
    {
        var slice = _plan.SliceOf(to);
        for (var c = 0; _plan.SendsNodesTo(to) && c < _plan.ChunksOf(to); c++)
        {
            var part = slice.Chunk(c, _plan.ChunkFloats);
            for (var node = 0; node < _mine.Count; node++)
            {
                var header = new FrameHeader(FrameKind.Contribution, Key, node, part.Start, part.Length, _plan.Encoding);
                _post.Post(to, new SendItem(this, header, _mine[node].Slice(part.Start, part.Length).Address));
            }
        }
    }

    private void SendSum(int to, int chunk)
    {
        if (!_plan.SendsSumTo(to))
        {
            return;
        }

        var part = _plan.SliceOf(_plan.Rank).Chunk(chunk, _plan.ChunkFloats);
        var header = new FrameHeader(FrameKind.Sum, Key, 0, part.Start, part.Length, _plan.Encoding);
        _post.Post(to, new SendItem(this, header, _result.Slice(part.Start, part.Length).Address));
    }

    private void Contribute(int from, in FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (_sum is null || !_plan.GetsNodesFrom(from))
        {
            throw new InvalidDataException("nothing of its is added here");
        }

        CheckPayload(header, payload);
        var chunk = _plan.SliceOf(_plan.Rank).ChunkAt(header.Offset, header.Count, _plan.ChunkFloats);
        var complete = _sum.Add(chunk, _plan.Slot(from, header.Slot), payload);
        lock (_gate)
        {
            _peers[from].MissingContributions -= payload.Length;
            _peers[from].MovedAt = _time.GetTimestamp();
        }

        if (complete)
        {
            Finish([chunk], counted: true);
        }
    }

    private void TakeSum(int from, in FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (!_plan.GetsSumFrom(from))
        {
            throw new InvalidDataException("no sums of its are awaited here");
        }

        CheckPayload(header, payload);
        var slice = _plan.SliceOf(from);
        var chunk = slice.ChunkAt(header.Offset, header.Count, _plan.ChunkFloats);
        lock (_gate)
        {
            if (!_peers[from].TakeOnce(chunk))
            {
                throw new InvalidDataException($"chunk {chunk} of its slice came twice");
            }
        }

        Place(header, payload);
        lock (_gate)
        {
            _peers[from].MissingSums -= payload.Length;
            _peers[from].MovedAt = _time.GetTimestamp();
        }

        Settle(1);
    }

    private unsafe void Place(in FrameHeader header, ReadOnlySpan<byte> payload)
    {
        var target = (float*)_result.Slice(header.Offset, header.Count).Address;
        fixed (byte* source = payload)
        {
            if (header.Encoding == WireType.Bf16)
            {
                Bfloat16.Decode((ushort*)source, target, header.Count);
            }
            else
            {
                Buffer.MemoryCopy(source, target, payload.Length, payload.Length);
            }
        }
    }

    private void CheckPayload(in FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (header.Encoding != _plan.Encoding || header.Count < 0 || header.Count > _plan.ChunkFloats || payload.Length != header.PayloadBytes)
        {
            throw new InvalidDataException($"a chunk of {header.Count} floats ({header.Encoding}) has {payload.Length} bytes of payload; expected is {_plan.Encoding}");
        }
    }

    private void FinishAlone()
    {
        if (!TryEnter())
        {
            return;
        }

        _ = Task.Run(() =>
        {
            try
            {
                for (var chunk = 0; chunk < _plan.ChunksOf(_plan.Rank) && !IsClosed; chunk++)
                {
                    _sum!.AddOwn(chunk);
                    Finish([chunk], counted: true);
                }
            }
            catch (Exception error)
            {
                Close(error);
            }
            finally
            {
                Exit();
            }
        });
    }

    private void Finish(IEnumerable<int> chunks, bool counted)
    {
        var finished = 0;
        lock (_gate)
        {
            foreach (var chunk in chunks)
            {
                finished++;
                _finished.Add(chunk);
                foreach (var peer in Others().Where(p => p.Begun))
                {
                    SendSum(peer.Rank, chunk);
                }
            }
        }

        Settle(counted ? finished : 0);
    }

    private void Settle(int frames)
    {
        lock (_gate)
        {
            _pending -= frames;
            _moves++;
            if (_pending != 0 || _closed)
            {
                return;
            }

            _closed = true;
            _users++;
        }

        Exit();
    }
}
