using Orchestrator.Collectives.Groups;
using Orchestrator.Collectives.Memory;
using Orchestrator.Collectives.Wire;
using Orchestrator.Core;

namespace Orchestrator.Collectives.Local;

/// <summary>
/// One operation on the exchange's thread. A rank only ever writes its own memory and reads that of other processes: it adds up its slice
/// from everybody's nodes, then copies the other slices from who has them. Ranks of one process, none of which can sleep through the end of
/// the others, write their sums into all results at once. A rank leaves when all have read what they need.
/// </summary>
internal sealed unsafe class LocalRun
{
    private const long ChunkFloats = 64 * 1024;

    private readonly LocalExchange _exchange;
    private readonly LocalOperation _operation;
    private readonly OperationPlan _plan;
    private readonly LocalPeer[] _peers;
    private readonly FloatBuffer[] _mine;
    private readonly FloatBuffer _shown;
    private readonly Term[] _terms;
    private readonly bool _together;
    private int _staged;
    private long _version;

    public LocalRun(LocalExchange exchange, LocalOperation operation)
    {
        (_exchange, _operation, _plan) = (exchange, operation, operation.Plan);
        _peers = [.. exchange.Peers.OrderBy(peer => (peer.Rank - _plan.Rank + _plan.WorldSize) % _plan.WorldSize)];
        _together = _peers.All(peer => peer.SameProcess);
        _mine = [.. operation.Mine.Select(buffer => Shown(buffer, copy: true))];
        _shown = Shown(operation.Result, copy: !_plan.Reduces);
        _terms = new Term[Math.Max(_plan.Terms, _plan.Folded.Select(node => node.Terms.Length).DefaultIfEmpty().Max())];
    }

    private bool Large => _operation.Result.Bytes >= Streaming.Worthwhile;

    private Slice OwnSlice => _plan.SliceOf(_plan.Rank);

    /// <summary>Each rank brings its sum to all others: a fifth less to move than if they fetched it.</summary>
    private bool Brings => _plan is { Reduces: true, Gathers: true } && !_operation.HasWire && _together;

    public void Run()
    {
        if (_mine.Length + 1 > ControlPage.MostBuffers)
        {
            throw new LocalFailure(new Verdict(_plan.Rank, "begin", $"holds {_mine.Length} nodes; shared memory takes up to {ControlPage.MostBuffers - 1}", 0));
        }

        var places = _mine.Append(_shown).Select(_exchange.PlaceOf).ToArray();
        _version = _exchange.Page.Enter(_operation.Key, _plan.Length, _plan.Digest, places);
        _exchange.Announce();
        try
        {
            _ = new LocalMeeting(_exchange, _operation, _peers).MatchAll() && Reduce() && Gather() && ReleaseAll();
        }
        catch (LocalFailure failure)
        {
            if (failure.GaveUp is { } peer)
            {
                AwaitReason(peer);
            }

            _exchange.Fail(_operation, failure.Verdict); // Before leaving: those who are to let go learn of it from this.
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>
    /// A peer leaves an operation only after it has told everybody why, but memory is faster than messages: its reason, which may be a third
    /// rank's death, is on its way. Only if none comes is the peer itself to blame.
    /// </summary>
    private void AwaitReason(LocalPeer peer)
    {
        Detach();
        var (time, began) = (_exchange.Options.Time, _exchange.Options.Time.GetTimestamp());
        _exchange.Await(_operation, peer, _ => time.GetElapsedTime(began) > _exchange.Options.ProgressDeadline);
    }

    /// <summary>The buffer itself where the others can read it, else a stand-in.</summary>
    private FloatBuffer Shown(FloatBuffer buffer, bool copy)
    {
        if (buffer.Length == 0 || _together || _exchange.IsShared(buffer))
        {
            return buffer;
        }

        var shown = _exchange.Staging.Get(_staged++, buffer.Length);
        if (copy)
        {
            Buffer.MemoryCopy((void*)buffer.Address, (void*)shown.Address, shown.Bytes, shown.Bytes);
        }

        return shown;
    }

    private bool Reduce()
    {
        if (_operation.HasWire)
        {
            return FoldAndTravel();
        }

        var chunks = OwnSlice.Chunks(ChunkFloats);
        nint[] targets = Brings ? [_shown.Address, .. _peers.Select(peer => peer.Buffers[^1])] : [_shown.Address];
        var sum = _plan.Sum is { } plain && Large ? plain with { Streams = true } : _plan.Sum!;
        for (var c = 0; _plan.Reduces && c < chunks; c++)
        {
            if (!StillAll())
            {
                return false;
            }

            Add(sum, OwnSlice.Chunk(c, ChunkFloats), TermsOf, targets);
            Publish(c + 1);
            CopyWhatIsReady();
        }

        Publish(chunks);
        return true;
    }

    /// <summary>Every node of every rank, in the order of the sum.</summary>
    private void TermsOf(Span<Term> terms, Slice part)
    {
        for (var node = 0; node < _mine.Length; node++)
        {
            terms[_plan.Slot(_plan.Rank, node)] = new Term(_mine[node].Address + (nint)(part.Start * sizeof(float)), Half: false);
        }

        foreach (var peer in _peers)
        {
            for (var node = 0; node < peer.Buffers.Length - 1; node++)
            {
                terms[_plan.Slot(peer.Rank, node)] = new Term(peer.Buffers[node] + (nint)(part.Start * sizeof(float)), Half: false);
            }
        }
    }

    private void Add(Summation sum, Slice part, FillTerms fill, ReadOnlySpan<nint> targets)
    {
        fill(_terms, part);
        Span<nint> places = stackalloc nint[targets.Length];
        for (var i = 0; i < targets.Length; i++)
        {
            places[i] = targets[i] + (nint)(part.Start * sizeof(float));
        }

        sum.Run(_terms.AsSpan(0, sum.Additions.Length + 1), places, part.Length);
    }

    /// <summary>Adds up this host's nodes of the slices this rank speaks for, exchanges them with the other hosts, and shows the totals.</summary>
    private bool FoldAndTravel()
    {
        var folded = Enumerable.Range(0, _plan.Folded.Length).Select(k => _exchange.Staging.Get(_staged + k, _plan.Length)).ToArray();
        var held = HostNodes();
        foreach (var slice in Spoken())
        {
            for (var c = 0; c < slice.Chunks(ChunkFloats); c++)
            {
                if (!StillAll())
                {
                    return false;
                }

                for (var k = 0; k < folded.Length; k++)
                {
                    var node = _plan.Folded[k];
                    var sum = new Summation(node.Additions, RoundTerms: false, RoundTotal: false);
                    Add(sum, slice.Chunk(c, ChunkFloats), (terms, part) => Fill(terms, part, node), [folded[k].Address]);
                }
            }
        }

        if (_operation.StartWire(folded, _shown) is not { } wire)
        {
            return false;
        }

        AwaitWire(wire);
        Publish(1);
        return wire.Completion.IsCompletedSuccessfully;

        void Fill(Span<Term> terms, Slice part, FoldedNode node)
        {
            for (var i = 0; i < node.Terms.Length; i++)
            {
                terms[i] = new Term(held[node.Terms[i]] + (nint)(part.Start * sizeof(float)), Half: false);
            }
        }
    }

    /// <summary>Ends: the wire part has deadlines of its own, and closing the operation closes it. The others see meanwhile that it moves.</summary>
    private void AwaitWire(Operation wire)
    {
        using var arrived = new ManualResetEventSlim();
        wire.Completion.ContinueWith(_ => arrived.Set(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        for (var moves = 0L; !arrived.Wait(_exchange.Options.Heartbeat);)
        {
            if (moves != (moves = wire.Moves))
            {
                _exchange.Announce();
            }
        }
    }

    /// <summary>The nodes of this host's ranks, in rank order: the list that was folded.</summary>
    private nint[] HostNodes() => [.. _plan.Topology.RanksBeside(_plan.Rank).SelectMany(rank => rank == _plan.Rank
        ? _mine.Select(buffer => buffer.Address)
        : _exchange.Peer(rank).Buffers.SkipLast(1))];

    /// <summary>The slices for which this rank exchanges its host's nodes: its own, and those of other hosts that fall to it.</summary>
    private IEnumerable<Slice> Spoken() => Enumerable.Range(0, _plan.WorldSize)
        .Where(owner => _plan.Topology.Speaker(_plan.Rank, owner) == _plan.Rank)
        .Select(_plan.SliceOf);

    private bool Gather()
    {
        foreach (var peer in _plan.Gathers ? _peers : [])
        {
            if (_operation.HasWire ? !CopyAllOf(peer) : !CopyRest(peer))
            {
                return false;
            }
        }

        CopyOwnOut();
        return true;
    }

    private bool CopyRest(LocalPeer peer)
    {
        var chunks = _plan.SliceOf(peer.Rank).Chunks(ChunkFloats);
        while (peer.Copied < chunks)
        {
            if (!_exchange.Await(_operation, peer, HasNews))
            {
                return false;
            }

            CopyWhatIsReady();
        }

        return true;

        bool HasNews(LocalPeer p) => p.Page.ReadyIn(p.Matched) > p.Copied || Left(p);
    }

    private void CopyWhatIsReady()
    {
        foreach (var peer in _peers)
        {
            var slice = _plan.SliceOf(peer.Rank);
            for (var ready = _plan.Gathers ? peer.Page.ReadyIn(peer.Matched) : 0; peer.Copied < ready; peer.Copied++)
            {
                var part = slice.Chunk((int)peer.Copied, ChunkFloats);
                if (Brings)
                {
                    _operation.Copied(peer.Rank, part.Length * sizeof(float)); // it is here already
                }
                else
                {
                    Copy(peer, part);
                }
            }
        }
    }

    /// <summary>After the wire: what a rank beside this one holds is its own slice and those it spoke for.</summary>
    private bool CopyAllOf(LocalPeer peer)
    {
        if (!_exchange.Await(_operation, peer, p => p.Page.ReadyIn(p.Matched) > 0 || Left(p)))
        {
            return false;
        }

        foreach (var owner in Enumerable.Range(0, _plan.WorldSize).Where(o => _plan.Topology.Speaker(_plan.Rank, o) == peer.Rank))
        {
            Copy(peer, _plan.SliceOf(owner));
        }

        return true;
    }

    private void Copy(LocalPeer peer, Slice part)
    {
        var bytes = part.Length * sizeof(float);
        var source = peer.Buffers[^1] + (nint)(part.Start * sizeof(float));
        var target = _operation.Result.Slice(part.Start, part.Length).Address;
        if (Large)
        {
            Streaming.Copy(source, target, bytes);
        }
        else
        {
            Buffer.MemoryCopy((void*)source, (void*)target, bytes, bytes);
        }

        _operation.Copied(peer.Rank, bytes);
    }

    /// <summary>Where the result is not in shared memory, what this rank has computed there is still to be brought home.</summary>
    private void CopyOwnOut()
    {
        if (_shown == _operation.Result || !_plan.Reduces)
        {
            return;
        }

        foreach (var slice in _operation.HasWire ? Spoken() : [OwnSlice])
        {
            var bytes = slice.Length * sizeof(float);
            Buffer.MemoryCopy((float*)_shown.Address + slice.Start, (float*)_operation.Result.Address + slice.Start, bytes, bytes);
        }
    }

    /// <summary>What was read is valid if everybody held still until now; then waits until nobody reads this rank's buffers any more.</summary>
    private bool ReleaseAll()
    {
        if (!StillAll())
        {
            return false;
        }

        Detach();
        _exchange.Page.PublishHasReadAll(_version);
        _exchange.Announce();
        foreach (var peer in _peers)
        {
            if (!_exchange.Await(_operation, peer, HasReadAll))
            {
                return false;
            }

            _operation.Released(peer.Rank);
        }

        return true;
    }

    // This rank has read all: a peer that has, too, leaves well, perhaps between two looks.
    private static bool HasReadAll(LocalPeer peer) => peer.Page.HasReadAllIn(peer.Matched) || (!peer.HoldsStill() && !peer.Page.HasReadAllIn(peer.Matched) && Left(peer));

    private bool StillAll()
    {
        foreach (var peer in _peers)
        {
            _ = Left(peer);
        }

        return !_operation.IsClosed;
    }

    /// <summary>
    /// False; throws if the peer has left the operation. None leaves well before all have read all, so one that is gone while this rank still
    /// reads has given it up, even if it had read all itself: its buffers may have changed under this rank's eyes.
    /// </summary>
    private static bool Left(LocalPeer peer) => peer.HoldsStill() ? false : throw LocalFailure.GivenUp(peer, "all-gather", "has given it up");

    private void Publish(long ready)
    {
        _exchange.Page.Publish(_version, ready);
        _exchange.Announce();
    }

    private void Detach()
    {
        foreach (var peer in _peers)
        {
            _exchange.Page.Attach(peer.Rank, 0);
        }
    }

    /// <summary>From here on the buffers may change. Ranks of this process read them in place, so they are waited for: they see it at the next chunk.</summary>
    private void Leave()
    {
        Detach();
        _exchange.Page.Leave();
        _exchange.Announce();
        foreach (var peer in _peers.Where(peer => peer.SameProcess))
        {
            _exchange.Await(null, peer, p => p.Page.AttachedTo(_plan.Rank) != _version);
        }
    }

    private delegate void FillTerms(Span<Term> terms, Slice part);
}
