using System.IO.Hashing;
using System.Runtime.InteropServices;
using Orchestrator.Collectives;
using Orchestrator.Training.Optimizers;

namespace Orchestrator.Tests.Training.Optimizers;

public sealed class GradientInspectionTests
{
    private const int Length = 3 * (1 << 16) + 37;

    [Fact]
    public void Norm_and_digest_are_those_of_the_whole_buffer()
    {
        using var memory = new NativeBuffers();
        var gradient = memory.Allocate("gradient", Length);
        for (var i = 0; i < Length; i++)
        {
            gradient.Span[i] = (i % 17 - 8) * (i % 2 == 0 ? 1e-3f : 1e15f);
        }

        var expected = gradient.Span.ToArray().Sum(value => (double)value * value);
        var found = GradientInspection.Of(gradient);
        Assert.Equal(1, found.SumOfSquares / expected, 1e-12);
        Assert.Equal(XxHash3.HashToUInt64(MemoryMarshal.AsBytes(gradient.Span)), found.Digest);
        Assert.True(found.Finite);
    }

    [Theory]
    [InlineData(float.NaN, 0)]
    [InlineData(float.PositiveInfinity, 70_000)]
    [InlineData(float.NegativeInfinity, Length - 1)]
    public void One_value_that_is_not_finite_is_seen_wherever_it_stands(float value, int at)
    {
        using var memory = new NativeBuffers();
        var gradient = memory.Allocate("gradient", Length);
        gradient.Span.Fill(float.MaxValue);
        Assert.True(GradientInspection.Of(gradient).Finite);
        gradient.Span[at] = value;
        Assert.False(GradientInspection.Of(gradient).Finite);
    }

    // Norm of (30, 40) / 10 pairs is 5.
    [Fact]
    public void Clipping_scales_by_the_norm_of_the_mean()
    {
        var norm = Clipping.Norm(2500, 10);
        Assert.Equal(5, norm);
        Assert.Equal(0.1, Clipping.Factor(norm, 10, maxNorm: 10));
        Assert.Equal(0.1, Clipping.Factor(norm, 10, maxNorm: null));
        Assert.Equal(0.1, Clipping.Factor(norm, 10, maxNorm: 0));
        Assert.Equal(2 / (5 + 1e-6) / 10, Clipping.Factor(norm, 10, maxNorm: 2));
    }
}
