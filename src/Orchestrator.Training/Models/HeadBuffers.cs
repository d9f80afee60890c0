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
            var same = Enumerable.Range(0, _free.Count).Where(at => Same(_free[at])).ToList();
            var fitting = same.Where(at => _free[at].size(0) >= elements).DefaultIfEmpty(-1).MinBy(at => at < 0 ? 0 : _free[at].size(0));
            if (fitting >= 0)
            {
                return Take(fitting);
            }

            // One that has become too small would never be used again.
            if (same.Count > 0)
            {
                Take(same[0]).Dispose();
            }
        }

        return empty([elements], type, device).DetachFromDisposeScope();
    }

    // By place: a list would compare values, of which NaN equals none, so that a buffer with one in it would stay and be given away twice.
    private Tensor Take(int at)
    {
        var buffer = _free[at];
        _free.RemoveAt(at);
        return buffer;
    }

    public void Return(Tensor buffer)
    {
        lock (_lock)
        {
            _free.Add(buffer);
        }
    }
}
