using Orchestrator.Core;

namespace Orchestrator.Collectives.Local;

/// <summary>A rank beside this one: its notice board, and its buffers as this process sees them.</summary>
internal sealed class LocalPeer(int rank, bool sameProcess, SharedRegion board) : IDisposable
{
    private readonly Dictionary<RegionName, SharedRegion> _mapped = [];

    public int Rank => rank;

    /// <summary>Then its buffers are read where they are, and it waits for this rank to let go of them.</summary>
    public bool SameProcess => sameProcess;

    public ControlPage Page { get; } = new(board.Data);

    /// <summary>Version of the peer's operation that this rank has matched; 0 for none.</summary>
    public long Matched { get; set; }

    /// <summary>The peer's buffers in the matched operation: its nodes, then its result.</summary>
    public nint[] Buffers { get; private set; } = [];

    /// <summary>Chunks of the peer's slice that were copied from it.</summary>
    public long Copied { get; set; }

    /// <exception cref="IOException">The peer's memory cannot be mapped.</exception>
    public void Match(long version, BufferPlace[] places)
    {
        (Matched, Copied) = (version, 0);
        Buffers = [.. places.Select(Locate)];
    }

    /// <summary>True while the peer's buffers are still those of the matched operation.</summary>
    public bool HoldsStill()
    {
        Interlocked.MemoryBarrier();
        return Page.Version == Matched;
    }

    public void Dispose()
    {
        foreach (var region in _mapped.Values)
        {
            region.Dispose();
        }

        board.Dispose();
    }

    private nint Locate(BufferPlace place)
    {
        if (sameProcess || place.Region == default)
        {
            return place.Address; // Without a region it is an empty buffer, which nobody reads.
        }

        if (!_mapped.TryGetValue(place.Region, out var region))
        {
            _mapped.Add(place.Region, region = SharedRegion.Open(place.Region));
        }

        return region.Data + (nint)place.Offset;
    }
}
