using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Orchestrator.Core;

namespace Orchestrator.Training.Optimizers;

/// <summary>What one pass over a gradient on the host finds.</summary>
/// <param name="Digest">XXH3-64 of its bytes.</param>
/// <param name="SumOfSquares">In fp64, added in an order that depends on the length alone: equal bits on every machine.</param>
public readonly record struct GradientInspection(ulong Digest, double SumOfSquares)
{
    private const int Chunk = 1 << 16;

    /// <summary>Squares of finite fp32 values cannot overflow in fp64, so a sum that is not finite means a NaN or an infinity.</summary>
    public bool Finite => double.IsFinite(SumOfSquares);

    public static GradientInspection Of(FloatBuffer gradient)
    {
        var hash = new XxHash3();
        var total = 0.0;
        for (long start = 0; start < gradient.Length; start += Chunk)
        {
            ReadOnlySpan<float> chunk = gradient.Slice(start, Math.Min(Chunk, gradient.Length - start)).Span;
            hash.Append(MemoryMarshal.AsBytes(chunk));
            total += SquaresOf(chunk);
        }

        return new GradientInspection(hash.GetCurrentHashAsUInt64(), total);
    }

    /// <summary>False where a NaN or an infinity stands anywhere: an exponent of ones.</summary>
    public static bool AllFinite(FloatBuffer gradient)
    {
        const int Exponent = 0x7F800000;
        for (long start = 0; start < gradient.Length; start += Chunk)
        {
            ReadOnlySpan<int> bits = MemoryMarshal.Cast<float, int>(gradient.Slice(start, Math.Min(Chunk, gradient.Length - start)).Span);
            var (mask, found) = (Vector512.Create(Exponent), Vector512<int>.Zero);
            var whole = bits.Length - bits.Length % Vector512<int>.Count;
            for (var i = 0; i < whole; i += Vector512<int>.Count)
            {
                found |= Vector512.Equals(Vector512.Create(bits[i..]) & mask, mask);
            }

            if (found != Vector512<int>.Zero || bits[whole..].ContainsAnyInRange(Exponent, int.MaxValue) || bits[whole..].ContainsAnyInRange(Exponent | int.MinValue, -1))
            {
                return false;
            }
        }

        return true;
    }

    // Eight lanes whatever the processor has: Vector512 is computed in halves or one by one where it is narrower, with the same result.
    private static double SquaresOf(ReadOnlySpan<float> values)
    {
        var (low, high) = (Vector512<double>.Zero, Vector512<double>.Zero);
        var whole = values.Length - values.Length % Vector512<float>.Count;
        for (var i = 0; i < whole; i += Vector512<float>.Count)
        {
            var (a, b) = Vector512.Widen(Vector512.Create(values[i..]));
            low += a * a;
            high += b * b;
        }

        var lanes = low + high;
        var total = 0.0;
        for (var lane = 0; lane < Vector512<double>.Count; lane++)
        {
            total += lanes[lane];
        }

        foreach (var value in values[whole..])
        {
            total += (double)value * value;
        }

        return total;
    }
}
