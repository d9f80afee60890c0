using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>
/// Memory as large as logits, used again by every pass of one device thread: the C library would give blocks of this size back at each free, and
/// the next pass would pay for touching every page anew. What is never returned ends with its tensor.
/// </summary>
/// <remarks>On an accelerator backward runs on libtorch's own thread, so a pass keeps the buffers of the thread its forward ran on.</remarks>
internal sealed class HeadBuffers
{
    [ThreadStatic]
    private static HeadBuffers? _current;

    private readonly Lock _lock = new();
    private readonly List<Tensor> _free = [];

    /// <summary>The calling thread's.</summary>
    public static HeadBuffers Current => _current ??= new HeadBuffers();

    /// <summary>A flat buffer of at least so many elements, in no dispose scope and with whatever it held before.</summary>
    public Tensor Rent(long elements, ScalarType type, Device device)
    {
        lock (_lock)
        {
            bool Same(Tensor buffer) => buffer.dtype == type && buffer.device_type == device.type && buffer.device_index == device.index;
            var fitting = _free.Where(buffer => Same(buffer) && buffer.size(0) >= elements).MinBy(buffer => buffer.size(0));
            if (fitting is not null)
            {
                _free.Remove(fitting);
                return fitting;
            }

            // One that has become too small would never be used again.
            if (_free.FirstOrDefault(Same) is { } small)
            {
                _free.Remove(small);
                small.Dispose();
            }
        }

        return empty([elements], type, device).DetachFromDisposeScope();
    }

    public void Return(Tensor buffer)
    {
        lock (_lock)
        {
            _free.Add(buffer);
        }
    }
}
