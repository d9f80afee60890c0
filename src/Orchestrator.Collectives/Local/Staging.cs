using Orchestrator.Core;

namespace Orchestrator.Collectives.Local;

/// <summary>
/// Shared memory for what lies in other memory, and for what a host adds up before it travels. It grows to what one operation needs and
/// is then used again by the next.
/// </summary>
internal sealed class Staging(SharedBuffers memory) : IDisposable
{
    private readonly List<FloatBuffer> _buffers = [];

    /// <summary>The index-th buffer of an operation, with room for at least <paramref name="length"/> floats.</summary>
    public FloatBuffer Get(int index, long length)
    {
        while (_buffers.Count <= index)
        {
            _buffers.Add(memory.Allocate("staging", 0));
        }

        if (_buffers[index].Length < length)
        {
            memory.Release(_buffers[index]);
            _buffers[index] = memory.Allocate("staging", length);
        }

        return _buffers[index].Slice(0, length);
    }

    public void Dispose() => _buffers.ForEach(memory.Release);
}
