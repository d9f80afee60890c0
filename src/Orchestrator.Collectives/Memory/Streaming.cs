using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace Orchestrator.Collectives.Memory;

/// <summary>
/// Copies and adds past the cache, for results too large to stay in it: a plain store first reads the line that it is about to
/// overwrite, a third of the whole traffic. What was written is visible to other processes when a call returns.
/// </summary>
internal static unsafe class Streaming
{
    /// <summary>From about a quarter of a last-level cache on, a buffer is worth it.</summary>
    public const long Worthwhile = 8 << 20;

    private const int Line = 64;

    public static void Copy(nint source, nint target, long bytes)
    {
        long done = 0;
        if (Vector512.IsHardwareAccelerated && target % Line == 0)
        {
            for (; done + 2 * Line <= bytes; done += 2 * Line)
            {
                var (first, second) = (Vector512.Load((byte*)(source + done)), Vector512.Load((byte*)(source + done + Line)));
                first.StoreAlignedNonTemporal((byte*)(target + done));
                second.StoreAlignedNonTemporal((byte*)(target + done + Line));
            }
        }

        Buffer.MemoryCopy((void*)(source + done), (void*)(target + done), bytes - done, bytes - done);
        Interlocked.MemoryBarrier();
    }

    /// <summary>total[i] = a[i] + b[i], as exactly as any fp32 addition.</summary>
    public static void Add(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> total)
    {
        var done = 0;
        fixed (float* first = a, second = b, target = total)
        {
            if (Vector512.IsHardwareAccelerated && (nint)target % Line == 0)
            {
                for (; done + 32 <= total.Length; done += 32)
                {
                    var low = Vector512.Load(first + done) + Vector512.Load(second + done);
                    var high = Vector512.Load(first + done + 16) + Vector512.Load(second + done + 16);
                    low.StoreAlignedNonTemporal(target + done);
                    high.StoreAlignedNonTemporal(target + done + 16);
                }
            }
        }

        TensorPrimitives.Add(a[done..], b[done..], total[done..]);
    }
}
