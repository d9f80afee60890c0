using Orchestrator.Collectives.Local;
using Orchestrator.Core;

namespace Orchestrator.Collectives;

/// <summary>
/// Zeroed memory that ranks on the same host can read in place: collectives over buffers from here need no copy in or out. Every
/// buffer is anonymous memory with a descriptor and no name in any file system, so nothing is left behind however the process ends.
/// </summary>
public sealed class SharedBuffers : IBufferProvider, IDisposable
{
    private readonly Lock _gate = new();
    private readonly SortedList<nint, SharedRegion> _regions = [];

    /// <exception cref="IOException">There is not enough memory.</exception>
    public FloatBuffer Allocate(string name, long floats)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(floats);
        var region = SharedRegion.Create(name, Math.Max(64, checked(floats * sizeof(float))));
        lock (_gate)
        {
            _regions.Add(region.Data, region);
        }

        return new FloatBuffer(region.Data, floats);
    }

    /// <exception cref="ArgumentException">The buffer is not one of <see cref="Allocate"/>, or was released before.</exception>
    public void Release(FloatBuffer buffer)
    {
        SharedRegion? region;
        lock (_gate)
        {
            if (!_regions.TryGetValue(buffer.Address, out region) || !_regions.Remove(buffer.Address))
            {
                throw new ArgumentException($"No buffer of {buffer.Length} floats at 0x{buffer.Address:x} is allocated here.", nameof(buffer));
            }
        }

        region.Dispose();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var region in _regions.Values)
            {
                region.Dispose();
            }

            _regions.Clear();
        }
    }

    /// <summary>The region in which all of a buffer lies, which may be a part of one that was allocated; null if it is other memory.</summary>
    internal SharedRegion? Find(FloatBuffer buffer)
    {
        lock (_gate)
        {
            var (low, high) = (0, _regions.Count);
            while (low < high)
            {
                var middle = (low + high) / 2;
                (low, high) = _regions.GetKeyAtIndex(middle) <= buffer.Address ? (middle + 1, high) : (low, middle);
            }

            var region = low > 0 ? _regions.GetValueAtIndex(low - 1) : null;
            return region is not null && buffer.Address + buffer.Bytes <= region.Data + region.Name.Bytes ? region : null;
        }
    }
}
