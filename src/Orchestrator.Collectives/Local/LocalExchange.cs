using System.Collections.Concurrent;
using System.Collections.Immutable;
using Orchestrator.Collectives.Groups;
using Orchestrator.Collectives.Protocol;
using Orchestrator.Collectives.Wire;
using Orchestrator.Core;

namespace Orchestrator.Collectives.Local;

/// <summary>What the exchange tells the membership.</summary>
internal interface ILocalOwner
{
    void Fail(LocalOperation operation, Verdict verdict);

    /// <summary>Delivers a frame that came before its operation was ready for it.</summary>
    void Replay(LocalOperation operation, EarlyFrame frame);
}

/// <summary>
/// The ranks beside this one, and the thread on which this rank reads their memory. Operations run one after the other in the order
/// in which they were started, which must be the same on all ranks; the thread sleeps when there is none.
/// </summary>
internal sealed class LocalExchange : IAsyncDisposable
{
    /// <summary>About 40 µs in all: what a peer needs for a chunk. Longer, and a spinner takes the core from the one it waits for.</summary>
    private const int MostSpins = 100;

    private static readonly TimeSpan Nap = TimeSpan.FromMilliseconds(5);

    private readonly GroupOptions _options;
    private readonly ILocalOwner _owner;
    private readonly SharedBuffers _memory;
    private readonly FloatBuffer _boardMemory;
    private readonly BlockingCollection<LocalOperation> _queue = [];
    private readonly ConcurrentDictionary<int, LocalPeer> _peers = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HashSet<OperationKey> _passed = [];
    private readonly int _spins;
    private readonly (int Index, int Count) _share;

    public LocalExchange(GroupOptions options, Topology topology, SharedBuffers memory, ILocalOwner owner)
    {
        (_options, _owner, _memory) = (options, owner, memory);
        _boardMemory = memory.Allocate("notice board", ControlPage.Bytes / sizeof(float));
        Page = new ControlPage(_boardMemory.Address);
        Page.Clear();
        Staging = new Staging(memory);
        var here = topology.RanksBeside(options.Rank).Order().ToList();
        _spins = here.Count <= Environment.ProcessorCount ? MostSpins : 0;
        _share = (here.IndexOf(options.Rank), here.Count);
        new Thread(Work) { IsBackground = true, Name = $"collectives of rank {options.Rank}" }.Start();
    }

    public ControlPage Page { get; }

    public Staging Staging { get; }

    public GroupOptions Options => _options;

    public IEnumerable<LocalPeer> Peers => _peers.Values;

    /// <summary>How the ranks beside this one find its board.</summary>
    public Introduction Introduce()
    {
        var name = _memory.Find(_boardMemory)!.Name;
        return new Introduction { ProcessId = name.ProcessId, File = name.File, Nonce = name.Nonce, Bytes = name.Bytes };
    }

    /// <exception cref="IOException">The peer's board cannot be mapped.</exception>
    public void Meet(int rank, Introduction introduction)
    {
        var board = SharedRegion.Open(new RegionName(introduction.ProcessId, introduction.File, introduction.Nonce, introduction.Bytes));
        var peer = new LocalPeer(rank, !_options.AlwaysMap && introduction.ProcessId == Environment.ProcessId, board);
        if (!_peers.TryAdd(rank, peer))
        {
            peer.Dispose();
        }
    }

    public LocalPeer Peer(int rank) => _peers[rank];

    /// <summary>Whether an operation of the step in hand has run here, or was closed before it could. For the exchange's thread.</summary>
    public bool HasPassed(OperationKey key) => _passed.Contains(key);

    public void Enqueue(LocalOperation operation) => _queue.Add(operation);

    public void Fail(LocalOperation operation, Verdict verdict) => _owner.Fail(operation, verdict);

    /// <summary>Changes when the peer has done anything.</summary>
    public unsafe int SignalOf(int rank) => Volatile.Read(ref *_peers[rank].Page.Signal);

    public void Replay(LocalOperation operation, EarlyFrame frame) => _owner.Replay(operation, frame);

    /// <summary>Where the others find a buffer; what is not in shared memory has no place but its address.</summary>
    public BufferPlace PlaceOf(FloatBuffer buffer) => _memory.Find(buffer) is { } region
        ? new BufferPlace(buffer.Address, region.Name, buffer.Address - region.Data)
        : new BufferPlace(buffer.Address, default, 0);

    public bool IsShared(FloatBuffer buffer) => _memory.Find(buffer) is not null;

    /// <summary>After the page has changed: wakes who sleeps on it.</summary>
    public unsafe void Announce()
    {
        Interlocked.Increment(ref *Page.Signal);
        foreach (var (_, peer) in _peers)
        {
            if (Volatile.Read(ref peer.Page.Waiting) != 0)
            {
                LibC.WakeAll(Page.Signal);
                return;
            }
        }
    }

    /// <summary>An operation was closed: the thread may be asleep on a peer's board.</summary>
    public unsafe void Nudge()
    {
        foreach (var (_, peer) in _peers)
        {
            LibC.WakeAll(peer.Page.Signal);
        }
    }

    /// <summary>Waits until <paramref name="condition"/> holds for a peer: first spinning, then asleep.</summary>
    /// <returns>False if the operation was closed instead.</returns>
    public unsafe bool Await(LocalOperation? operation, LocalPeer peer, Func<LocalPeer, bool> condition)
    {
        for (var spin = 0; ; spin++)
        {
            if (condition(peer))
            {
                return true;
            }

            if (operation is { IsClosed: true })
            {
                return false;
            }

            if (spin < _spins)
            {
                Thread.SpinWait(10);
                continue;
            }

            var seen = Volatile.Read(ref *peer.Page.Signal);
            Interlocked.Exchange(ref Page.Waiting, 1);
            if (!condition(peer) && operation is not { IsClosed: true })
            {
                LibC.Wait(peer.Page.Signal, seen, Nap);
            }

            Interlocked.Exchange(ref Page.Waiting, 0);
        }
    }

    /// <summary>Ends the thread after the operation in hand; only then is memory let go. All operations must have been closed.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.CompleteAdding();
        Nudge();
        await _ended.Task;
        foreach (var (_, peer) in _peers)
        {
            peer.Dispose();
        }

        Staging.Dispose();
        _memory.Release(_boardMemory);
        _queue.Dispose();
    }

    private void Work()
    {
        // Where the machine shows no common cache, a woken thread stays on its processor though another is idle, and ranks queue up behind each other.
        LibC.StayWithin(_share.Index, _share.Count);
        foreach (var operation in _queue.GetConsumingEnumerable())
        {
            _passed.RemoveWhere(key => key.Id != operation.Key.Id);
            if (operation.TryRun())
            {
                Run(operation);
                operation.Ended();
            }

            _passed.Add(operation.Key);
        }

        _ended.SetResult();
    }

    private void Run(LocalOperation operation)
    {
        try
        {
            new LocalRun(this, operation).Run();
        }
        catch (Exception error)
        {
            Fail(operation, new Verdict(_options.Rank, "shared memory", $"failed: {error.Message}", 0));
        }
    }
}
