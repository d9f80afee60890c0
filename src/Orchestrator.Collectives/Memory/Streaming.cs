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

    /// <summary>total[i] = a[i] + b[i], as exactly as any fp32 addition, for every total. Reads and writes go on at the same time, which one after the other they would not.</summary>
    /// <param name="totals">Where each total begins.</param>
    public static void Add(ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<nint> totals)
    {
        var done = 0;
        fixed (float* first = a, second = b)
        {
            if (Vector512.IsHardwareAccelerated && AreAligned(totals))
            {
                for (; done + 32 <= a.Length; done += 32)
                {
                    var low = Vector512.Load(first + done) + Vector512.Load(second + done);
                    var high = Vector512.Load(first + done + 16) + Vector512.Load(second + done + 16);
                    foreach (var total in totals)
                    {
                        low.StoreAlignedNonTemporal((float*)total + done);
                        high.StoreAlignedNonTemporal((float*)total + done + 16);
                    }
                }
            }
        }

        foreach (var total in totals)
        {
            TensorPrimitives.Add(a[done..], b[done..], new Span<float>((float*)total + done, a.Length - done));
        }
    }

    private static bool AreAligned(ReadOnlySpan<nint> addresses)
    {
        foreach (var address in addresses)
        {
            if (address % Line != 0)
            {
                return false;
            }
        }

        return true;
    }
}
