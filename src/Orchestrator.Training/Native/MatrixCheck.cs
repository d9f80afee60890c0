using Orchestrator.Core;
using static TorchSharp.torch;

namespace Orchestrator.Training.Native;

/// <summary>Compares libtorch's fp32 matrix products with sums in float64, in a few milliseconds.</summary>
internal static class MatrixCheck
{
    // Odd sizes reach the edges of every block; the first is a matrix times a vector.
    private static readonly (int Rows, int Columns, int Inner)[] Sizes = [(1, 37, 129), (33, 65, 257), (70, 48, 513)];

    /// <exception cref="InvalidOperationException">A product is further from the truth than rounding explains.</exception>
    public static void Require()
    {
        foreach (var (rows, columns, inner) in Sizes)
        {
            var (left, right) = (Numbers(rows * inner, 1), Numbers(inner * columns, 2));
            using var scope = NewDisposeScope();
            using var guard = no_grad();
            var (a, b) = (tensor(left).view(rows, inner), tensor(right).view(inner, columns));
            Compare(a.mm(b).data<float>().ToArray(), left, right, (rows, columns, inner));
            Compare(nn.functional.linear(a, b.t().contiguous()).data<float>().ToArray(), left, right, (rows, columns, inner));
        }
    }

    /// <summary>Any order of additions stays within n·2⁻²⁴·Σ|aᵢbᵢ| of the exact sum (Higham 2002, Accuracy and Stability, section 3.1).</summary>
    internal static void Compare(ReadOnlySpan<float> product, float[] left, float[] right, (int Rows, int Columns, int Inner) size)
    {
        for (var at = 0; at < product.Length; at++)
        {
            var (row, column) = (at / size.Columns, at % size.Columns);
            var (sum, magnitude) = (0.0, 0.0);
            for (var i = 0; i < size.Inner; i++)
            {
                var term = (double)left[(row * size.Inner) + i] * right[(i * size.Columns) + column];
                (sum, magnitude) = (sum + term, magnitude + Math.Abs(term));
            }

            if (!(Math.Abs(product[at] - sum) <= size.Inner * Math.Pow(2, -24) * magnitude))
            {
                throw new InvalidOperationException(
                    $"libtorch multiplies wrongly: element [{row}, {column}] of a [{size.Rows}, {size.Inner}] x [{size.Inner}, {size.Columns}] product is {product[at]:R} where {sum:R} is right. "
                    + $"Set {TorchRuntime.FastMathVariable}=0 and start again; if it persists, do not train on this machine.");
            }
        }
    }

    /// <summary>Uniform in [-1, 1), the same on every machine.</summary>
    internal static float[] Numbers(int count, long seed)
    {
        var random = new SplitMix64(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)((2 * random.NextDouble()) - 1))];
    }
}
