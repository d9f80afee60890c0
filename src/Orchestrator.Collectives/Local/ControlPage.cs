using Orchestrator.Collectives.Wire;
using Orchestrator.Core;

namespace Orchestrator.Collectives.Local;

/// <summary>Where a peer finds a buffer: in the owner's address space, and, for other processes, in one of its regions.</summary>
internal readonly record struct BufferPlace(nint Address, RegionName Region, long Offset);

/// <summary>
/// A rank's notice board for the ranks beside it, in shared memory: the owner alone writes it, everybody may read it at any time. It
/// says which operation the owner is in, where its buffers are, and how far it is.
/// The version counts: even while the owner is in an operation, odd between two. A reader that has matched version v knows that the
/// owner's buffers hold still as long as the version is v.
/// </summary>
internal readonly unsafe struct ControlPage(nint page)
{
    public const int Bytes = 128 * 1024;
    public const int MostRanks = 4096;
    public const int MostBuffers = 1024;

    private const int History = 64;
    private const int KeyAt = 256;
    private const int HistoryAt = 512;
    private const int AttachedAt = 1024;
    private const int BuffersAt = AttachedAt + MostRanks * sizeof(long);

    private enum Place
    {
        Signal = 0,
        Waiting = 64,
        Version = 128,
        Moved = 192,
    }

    /// <summary>Changes whenever anything on the page has; sleepers wait on it.</summary>
    public int* Signal => (int*)(page + (int)Place.Signal);

    /// <summary>1 while the owner sleeps, so that only then it must be woken.</summary>
    public ref int Waiting => ref *(int*)(page + (int)Place.Waiting);

    /// <summary>Even: in an operation.</summary>
    public long Version => Volatile.Read(ref *(long*)(page + (int)Place.Version));

    /// <summary>Chunks of the owner's slice that are ready to be copied, in the operation of <paramref name="version"/>.</summary>
    public long ReadyIn(long version)
    {
        var moved = Volatile.Read(ref *(long*)(page + (int)Place.Moved));
        return moved >> 32 == (version & 0x7FFFFFFF) ? moved & 0xFFFFFFFF : 0;
    }

    /// <summary>The owner has read all it needs from others in the operation of <paramref name="version"/>.</summary>
    public bool HasReadAllIn(long version) => Volatile.Read(ref Past(version)) == version;

    /// <summary>Which version of a rank's buffers the owner is reading; 0 for none. Only ranks of one process wait for each other by it.</summary>
    public long AttachedTo(int rank) => Volatile.Read(ref Attached(rank));

    public void Clear()
    {
        new Span<byte>((void*)page, Bytes).Clear();
        Volatile.Write(ref *(long*)(page + (int)Place.Version), 1);
    }

    /// <summary>Enters an operation.</summary>
    /// <returns>Its version.</returns>
    public long Enter(OperationKey key, long length, long digest, ReadOnlySpan<BufferPlace> buffers)
    {
        *(long*)(page + KeyAt) = key.Id.Step;
        *(int*)(page + KeyAt + 8) = key.Id.Attempt;
        *(int*)(page + KeyAt + 12) = (int)key.Collective;
        *(int*)(page + KeyAt + 16) = key.Tag;
        *(int*)(page + KeyAt + 20) = buffers.Length;
        *(long*)(page + KeyAt + 24) = length;
        *(long*)(page + KeyAt + 32) = digest;
        buffers.CopyTo(new Span<BufferPlace>((void*)(page + BuffersAt), MostBuffers));
        return Interlocked.Increment(ref *(long*)(page + (int)Place.Version));
    }

    public void Leave() => Interlocked.Increment(ref *(long*)(page + (int)Place.Version));

    public void Publish(long version, long ready) => Volatile.Write(ref *(long*)(page + (int)Place.Moved), (version & 0x7FFFFFFF) << 32 | ready);

    public void PublishHasReadAll(long version) => Volatile.Write(ref Past(version), version);

    public void Attach(int rank, long version) => Interlocked.Exchange(ref Attached(rank), version);

    /// <summary>What the owner is in, if it is in something and holds still while it is read.</summary>
    public bool TryRead(StepId generation, out long version, out OperationKey key, out long length, out long digest, out BufferPlace[] buffers)
    {
        version = Version;
        (key, length, digest, buffers) = (default, 0, 0, []);
        if (version % 2 != 0)
        {
            return false;
        }

        var id = generation with { Step = *(long*)(page + KeyAt), Attempt = *(int*)(page + KeyAt + 8) };
        key = new OperationKey(id, (Collective)(*(int*)(page + KeyAt + 12)), *(int*)(page + KeyAt + 16));
        var count = Math.Clamp(*(int*)(page + KeyAt + 20), 0, MostBuffers);
        (length, digest) = (*(long*)(page + KeyAt + 24), *(long*)(page + KeyAt + 32));
        buffers = new Span<BufferPlace>((void*)(page + BuffersAt), count).ToArray();
        Interlocked.MemoryBarrier();
        return Version == version;
    }

    private ref long Past(long version) => ref *(long*)(page + HistoryAt + version / 2 % History * sizeof(long));

    private ref long Attached(int rank) => ref *(long*)(page + AttachedAt + rank * sizeof(long));
}
