using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Orchestrator.Collectives.Memory;

/// <summary>
/// fp32 to bf16 and back: round to nearest, ties to even, (x + 0x7FFF + bit 16 of x) >> 16 on the bits; infinities stay, a NaN stays a
/// (quiet) NaN. Pointers need no alignment.
/// </summary>
internal static unsafe class Bfloat16
{
    public static ushort Round(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (bits & 0x7FFFFFFF) > 0x7F800000
            ? (ushort)((bits >> 16) | 0x40)
            : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    public static float Widen(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);

    public static void Encode(float* source, ushort* target, long count)
    {
        long i = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            for (; i + 32 <= count; i += 32)
            {
                var low = High(Vector512.Load((uint*)(source + i)));
                var high = High(Vector512.Load((uint*)(source + i + 16)));
                Vector512.Narrow(low, high).Store(target + i);
            }
        }

        for (; i < count; i++)
        {
            target[i] = Round(source[i]);
        }
    }

    public static void Decode(ushort* source, float* target, long count)
    {
        long i = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            for (; i + 32 <= count; i += 32)
            {
                var (low, high) = Vector512.Widen(Vector512.Load(source + i));
                (low << 16).Store((uint*)(target + i));
                (high << 16).Store((uint*)(target + i + 16));
            }
        }

        for (; i < count; i++)
        {
            target[i] = Widen(source[i]);
        }
    }

    /// <summary>Rounds each value to the nearest bf16 and keeps it as fp32; source and target may be the same.</summary>
    public static void RoundTo(float* source, float* target, long count)
    {
        long i = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            for (; i + 16 <= count; i += 16)
            {
                (High(Vector512.Load((uint*)(source + i))) << 16).Store((uint*)(target + i));
            }
        }

        for (; i < count; i++)
        {
            target[i] = Widen(Round(source[i]));
        }
    }

    /// <summary>The rounded upper half of each value, in the lower half of its lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> High(Vector512<uint> bits)
    {
        var rounded = (bits + Vector512.Create(0x7FFFu) + ((bits >>> 16) & Vector512<uint>.One)) >>> 16;
        var nan = Vector512.GreaterThan(bits & Vector512.Create(0x7FFFFFFFu), Vector512.Create(0x7F800000u));
        return Vector512.ConditionalSelect(nan, (bits >>> 16) | Vector512.Create(0x40u), rounded);
    }
}
