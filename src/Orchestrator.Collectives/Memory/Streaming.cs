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

    /// <summary>Terms that <see cref="Add"/> reads at once.</summary>
    public const int MostTerms = 8;

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

    /// <summary>
    /// Adds terms in a given order, as exactly as any fp32 addition, and writes the sum to every total. All terms are read, and the sums written, at the
    /// same time: one after the other they would wait for memory in turns.
    /// </summary>
    /// <param name="terms">Where each term begins; up to <see cref="MostTerms"/>.</param>
    /// <param name="additions">slot[Into] += slot[From], in order; the sum is then in slot 0.</param>
    /// <param name="totals">Where each total begins.</param>
    /// <returns>Floats done: what is left, the last few or all where the processor or the alignment does not suit, is the caller's.</returns>
    public static int Add(ReadOnlySpan<nint> terms, ReadOnlySpan<(int Into, int From)> additions, ReadOnlySpan<nint> totals, int length)
    {
        if (!Vector512.IsHardwareAccelerated || terms.Length > MostTerms || !AreAligned(totals))
        {
            return 0;
        }

        var done = 0;
        var slots = stackalloc Vector512<float>[2 * MostTerms];
        for (; done + 32 <= length; done += 32)
        {
            for (var i = 0; i < terms.Length; i++)
            {
                var term = (float*)terms[i] + done;
                (slots[2 * i], slots[2 * i + 1]) = (Vector512.Load(term), Vector512.Load(term + 16));
            }

            foreach (var (into, from) in additions)
            {
                slots[2 * into] += slots[2 * from];
                slots[2 * into + 1] += slots[2 * from + 1];
            }

            foreach (var total in totals)
            {
                slots[0].StoreAlignedNonTemporal((float*)total + done);
                slots[1].StoreAlignedNonTemporal((float*)total + done + 16);
            }
        }

        return done;
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
