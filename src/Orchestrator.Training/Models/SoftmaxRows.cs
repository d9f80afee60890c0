using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>
/// Softmax over long rows of a CPU tensor, in place, in one pass for the largest value and one for the rest: libtorch takes five, and for bf16 a conversion
/// each way. A row's bits depend on that row alone: sixteen lanes whatever the processor has, fused products, sums in fp64 from pieces of a fixed length.
/// </summary>
internal static unsafe class SoftmaxRows
{
    private const int Turn = IRowElement.Turn;

    // So many turns are summed in fp32 before they go to fp64.
    private const int Piece = 64;

    /// <summary>Below this a second thread costs more than it brings.</summary>
    private const long WorthThreads = 1 << 17;

    /// <summary>Whether rows of this tensor can be computed here.</summary>
    public static bool Takes(Tensor rows) => rows.device_type == DeviceType.CPU && rows.dtype is ScalarType.Float32 or ScalarType.BFloat16 && rows.stride(1) == 1;

    /// <summary>Each row's largest value and Σ e^(z - largest).</summary>
    /// <param name="rows">[n, vocabulary] fp32 or bf16; holds e^(z - largest) afterwards where <paramref name="write"/>.</param>
    /// <param name="largest">[n, 1] fp32, written.</param>
    /// <param name="sum">[n, 1] fp32, written.</param>
    public static void Exponentiate(Tensor rows, Tensor largest, Tensor sum, bool write)
    {
        fixed (byte* tops = largest.bytes, sums = sum.bytes)
        {
            var (top, total) = ((nint)tops, (nint)sums);
            ForEach(rows, (row, index, length, wide) =>
            {
                var (most, whole) = wide ? Exponentiate<Fp32Element>((byte*)row, length, write) : Exponentiate<Bf16Element>((byte*)row, length, write);
                ((float*)top)[index] = most;
                ((float*)total)[index] = whole;
            });
        }
    }

    /// <summary>From e^(z - largest), which <see cref="Exponentiate(Tensor, Tensor, Tensor, bool)"/> left, to g · (1[v = y] - p_v).</summary>
    /// <param name="sum">[n, 1] fp32, as it was written.</param>
    /// <param name="ids">[n, 1] int64: y.</param>
    /// <param name="gradient">[n, 1] fp32: g.</param>
    public static void DifferentiateKept(Tensor rows, Tensor sum, Tensor ids, Tensor gradient) =>
        Differentiate(rows, sum, ids, gradient, kept: true);

    /// <summary>From logits z to g · (1[v = y] - e^(z - normalizer)).</summary>
    /// <param name="normalizer">[n, 1] fp32: log Σ e^z.</param>
    public static void DifferentiateLogits(Tensor rows, Tensor normalizer, Tensor ids, Tensor gradient) =>
        Differentiate(rows, normalizer, ids, gradient, kept: false);

    private static void Differentiate(Tensor rows, Tensor norm, Tensor ids, Tensor gradient, bool kept)
    {
        using var scope = NewDisposeScope();
        var (norms, slopes, targets) = (norm.contiguous(), gradient.contiguous(), ids.contiguous());
        fixed (byte* n = norms.bytes, g = slopes.bytes, y = targets.bytes)
        {
            var (byNorm, bySlope, byTarget) = ((nint)n, (nint)g, (nint)y);
            ForEach(rows, (row, index, length, wide) =>
            {
                var (norm, slope, target) = (((float*)byNorm)[index], ((float*)bySlope)[index], ((long*)byTarget)[index]);
                if (wide)
                {
                    Differentiate<Fp32Element>((byte*)row, length, norm, slope, target, kept);
                }
                else
                {
                    Differentiate<Bf16Element>((byte*)row, length, norm, slope, target, kept);
                }
            });
        }
    }

    private static void ForEach(Tensor rows, Action<nint, long, long, bool> work)
    {
        var (count, length, wide) = (rows.size(0), rows.size(1), rows.dtype == ScalarType.Float32);
        var stride = rows.stride(0) * (wide ? sizeof(float) : sizeof(ushort));
        using var first = rows.narrow(0, 0, 1);
        fixed (byte* start = first.bytes)
        {
            var at = (nint)start;
            var threads = (int)Math.Min(get_num_threads(), count * length / WorthThreads);
            if (threads > 1)
            {
                Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, index => work(at + (nint)(index * stride), index, length, wide));
                return;
            }

            for (long index = 0; index < count; index++)
            {
                work(at + (nint)(index * stride), index, length, wide);
            }
        }
    }

    private static (float Largest, float Sum) Exponentiate<T>(byte* row, long length, bool write)
        where T : IRowElement
    {
        var rest = stackalloc byte[Turn * sizeof(float)];
        var whole = length - length % Turn;
        T.Pad(row, whole, length, rest);

        var (first, second) = T.Load(rest, 0);
        for (long i = 0; i < whole; i += Turn)
        {
            var (a, b) = T.Load(row, i);
            (first, second) = (Vector512.MaxNative(first, a), Vector512.MaxNative(second, b));
        }

        var largest = Largest(Vector512.MaxNative(first, second));
        var (top, total) = (Vector512.Create(largest), Vector512<double>.Zero);
        for (long start = 0; start < whole; start += Turn * Piece)
        {
            var (sumA, sumB) = (Vector512<float>.Zero, Vector512<float>.Zero);
            for (var i = start; i < Math.Min(whole, start + Turn * Piece); i += Turn)
            {
                var (a, b) = Turned<T>(row, i, top, write);
                (sumA, sumB) = (sumA + a, sumB + b);
            }

            total += Widened(sumA + sumB);
        }

        if (whole < length)
        {
            var (a, b) = Turned<T>(rest, 0, top, write);
            total += Widened(a + b);
            T.Unpad(rest, row, whole, write ? length : whole);
        }

        return (largest, (float)Total(total));
    }

    private static void Differentiate<T>(byte* row, long length, float norm, float slope, long target, bool kept)
        where T : IRowElement
    {
        var rest = stackalloc byte[Turn * sizeof(float)];
        var whole = length - length % Turn;
        T.Pad(row, whole, length, rest);
        var chosen = T.One(row, target);
        var (shift, factor) = (Vector512.Create(norm), Vector512.Create(kept ? -slope / norm : -slope));
        for (long i = 0; i < whole; i += Turn)
        {
            Scaled<T>(row, i, shift, factor, kept);
        }

        Scaled<T>(rest, 0, shift, factor, kept);
        T.Unpad(rest, row, whole, length);
        T.SetOne(row, target, (kept ? chosen : Exp(Vector512.Create(chosen - norm))[0]) * factor[0] + slope);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float> A, Vector512<float> B) Turned<T>(byte* row, long i, Vector512<float> top, bool write)
        where T : IRowElement
    {
        var (a, b) = T.Load(row, i);
        (a, b) = (Exp(a - top), Exp(b - top));
        if (write)
        {
            T.Store(row, i, a, b);
        }

        return (a, b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scaled<T>(byte* row, long i, Vector512<float> shift, Vector512<float> factor, bool kept)
        where T : IRowElement
    {
        var (a, b) = T.Load(row, i);
        if (!kept)
        {
            (a, b) = (Exp(a - shift), Exp(b - shift));
        }

        T.Store(row, i, a * factor, b * factor);
    }

    /// <summary>
    /// e^x for x at most a little above 0, to about 1e-7 of its value: x = n ln 2 + r with |r| ≤ ln 2 / 2, and the series of e^r up to r^7/7!, whose
    /// next term is below 6e-9. What is below e^-87 becomes that; NaN stays NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Exp(Vector512<float> x)
    {
        const float Magic = 12582912f;   // 1.5 · 2^23: adding it leaves a whole number in the lowest bits
        const float LogE = 1.44269504f;
        const float Ln2High = 0.693359375f;   // few bits, so that n times it is exact
        const float Ln2Low = -2.12194440e-4f;
        x = Vector512.MaxNative(Vector512.Create(-87f), x);
        var shifted = Vector512.FusedMultiplyAdd(x, Vector512.Create(LogE), Vector512.Create(Magic));
        var n = shifted - Vector512.Create(Magic);
        var r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-Ln2High), x);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-Ln2Low), r);
        var series = Vector512.FusedMultiplyAdd(r, Vector512.Create(1f / 5040), Vector512.Create(1f / 720));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(1f / 120));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(1f / 24));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(1f / 6));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(0.5f));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512<float>.One);
        series = Vector512.FusedMultiplyAdd(series, r, Vector512<float>.One);
        return (series.AsInt32() + (shifted.AsInt32() << 23)).AsSingle();
    }

    private static float Largest(Vector512<float> lanes)
    {
        var most = lanes[0];
        for (var lane = 1; lane < Vector512<float>.Count; lane++)
        {
            most = MathF.Max(most, lanes[lane]);
        }

        return most;
    }

    private static Vector512<double> Widened(Vector512<float> lanes)
    {
        var (low, high) = Vector512.Widen(lanes);
        return low + high;
    }

    private static double Total(Vector512<double> lanes)
    {
        var total = 0.0;
        for (var lane = 0; lane < Vector512<double>.Count; lane++)
        {
            total += lanes[lane];
        }

        return total;
    }
}
