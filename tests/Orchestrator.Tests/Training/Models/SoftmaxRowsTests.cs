using System.IO.Hashing;
using Orchestrator.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Models;

/// <summary>Against libtorch's softmax in fp64 of the same values.</summary>
public sealed class SoftmaxRowsTests
{
    private const double Half = 1.01 / 256;   // of the last of a bf16's eight bits, relative, and a little

    public static TheoryData<int, ScalarType> LengthsAndTypes
    {
        get
        {
            var all = new TheoryData<int, ScalarType>();
            foreach (var length in new[] { 1, 31, 32, 33, 64, 1000, 2048, 2049, 128_256 })
            {
                all.Add(length, ScalarType.Float32);
                all.Add(length, ScalarType.BFloat16);
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(LengthsAndTypes))]
    public void Sums_exponentials_and_both_gradients_are_those_of_fp64(int length, ScalarType type)
    {
        using var scope = NewDisposeScope();
        var z = Logits(3, length).to(type);
        var exact = z.to(ScalarType.Float64);
        var top = exact.amax([1L], keepdim: true);
        var expected = (exact - top).exp();
        var (largest, sum) = (zeros(3, 1), zeros(3, 1));
        var untouched = z.clone();
        SoftmaxRows.Exponentiate(untouched, largest, sum, write: false);
        Assert.True(untouched.equal(z).all().item<bool>());
        Close(top, largest, 0);
        Close(expected.sum([1L], keepdim: true), sum, 3e-7);

        var kept = z.clone();
        SoftmaxRows.Exponentiate(kept, largest, sum, write: true);
        var rounding = type == ScalarType.Float32 ? 8e-6 : Half;   // 80 has a last bit of 8e-6
        Close(expected, kept, rounding);

        var ids = tensor(new[] { 0L, length / 2, length - 1 }).view(3, 1);
        var gradient = tensor(new[] { 0.75f, -2, 0 }).view(3, 1);
        var slope = (zeros_like(exact).scatter(1, ids, ones(3, 1, ScalarType.Float64)) - expected / expected.sum([1L], keepdim: true)) * gradient.to(ScalarType.Float64);
        SoftmaxRows.DifferentiateKept(kept, sum, ids, gradient);
        Close(slope, kept, rounding * 2, absolute: rounding * 3);   // e was rounded once before, and 1 - p may cancel

        var again = z.clone();
        SoftmaxRows.DifferentiateLogits(again, (sum.log() + largest), ids, gradient);
        Close(slope, again, type == ScalarType.Float32 ? 2e-5 : Half * 1.1, absolute: type == ScalarType.Float32 ? 2e-5 : Half);   // a normalizer near 80 is known to 4e-6
    }

    [Fact]
    public void A_row_has_the_same_bits_whatever_stands_beside_it_and_however_many_threads_there_are()
    {
        using var scope = NewDisposeScope();
        var all = Logits(9, 50_257);
        var alone = all.narrow(0, 7, 1).clone();
        var threads = get_num_threads();
        try
        {
            set_num_threads(4);
            SoftmaxRows.Exponentiate(all, zeros(9, 1), zeros(9, 1), write: true);
        }
        finally
        {
            set_num_threads(threads);
        }

        SoftmaxRows.Exponentiate(alone, zeros(1, 1), zeros(1, 1), write: true);
        Assert.True(alone.equal(all.narrow(0, 7, 1)).all().item<bool>());
    }

    /// <summary>Of inputs that are exact everywhere, seen with vectors of 512, 256 and 128 bits.</summary>
    [Theory]
    [InlineData(ScalarType.Float32, "287ddfb53fe05868")]
    [InlineData(ScalarType.BFloat16, "b5d756d482da0145")]
    public void Every_processor_gives_the_same_bits(ScalarType type, string expected)
    {
        using var scope = NewDisposeScope();
        var z = tensor([.. Enumerable.Range(0, 3 * 5000).Select(i => (i * 7919 % 1009) / 64f - 8)]).view(3, 5000).to(type);
        var (largest, sum) = (zeros(3, 1), zeros(3, 1));
        SoftmaxRows.Exponentiate(z, largest, sum, write: true);
        var hash = new XxHash3();
        hash.Append(sum.bytes);
        hash.Append(z.bytes);
        SoftmaxRows.DifferentiateKept(z, sum, zeros(3, 1, ScalarType.Int64), full([3, 1], 0.375f));
        hash.Append(z.bytes);
        Assert.Equal(expected, $"{hash.GetCurrentHashAsUInt64():x16}");
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Far_away_values_count_nothing_and_what_is_no_number_stays_none(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var z = full([4, 40], -1e30f);
        z[0, 39] = 1e30f;
        z[1, 3] = float.NaN;
        z[2, 35] = float.PositiveInfinity;
        z[3].fill_(-1e30f);
        z = z.to(type);
        var (largest, sum) = (zeros(4, 1), zeros(4, 1));
        SoftmaxRows.Exponentiate(z, largest, sum, write: true);
        var sums = sum.data<float>().ToArray();
        Assert.Equal((1f, 40f), (sums[0], sums[3]));
        Assert.True(float.IsNaN(sums[1]) && float.IsNaN(sums[2]));
        Assert.True(z[0, 0].to(ScalarType.Float32).item<float>() is >= 0 and < 2e-38f);
    }

    private static Tensor Logits(int rows, int length) => tensor([.. Enumerable.Range(0, rows * length).Select(i => (float)(Math.Sin(i * 1.7) * 30 + Math.Cos(i * 0.31) * 50))]).view(rows, length);

    private static void Close(Tensor expected, Tensor found, double relative, double absolute = 1e-37)
    {
        var difference = (expected.to(ScalarType.Float64) - found.to(ScalarType.Float64)).abs();
        var allowed = expected.to(ScalarType.Float64).abs() * relative + absolute;
        Assert.True(difference.le(allowed).all().item<bool>(), $"differs by {(difference - allowed).max().item<double>():R} more than allowed");
    }
}
