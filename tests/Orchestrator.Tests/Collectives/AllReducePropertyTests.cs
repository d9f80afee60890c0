using System.Collections.Immutable;
using Orchestrator.Collectives;
using Orchestrator.Core;

namespace Orchestrator.Tests.Collectives;

/// <summary>Groups, sizes, chunkings and deals drawn from a seed, against sums in float64.</summary>
[Collection(RealSockets.Name)]
public sealed class AllReducePropertyTests
{
    private const double Fp32 = 1.0 / (1 << 24);
    private const double Bf16 = 1.0 / (1 << 8);
    private static readonly int[] Sizes = [0, 1, 2, 15, 16, 17, 63, 64, 65, 1023, 4096, 10_007, 60_001];
    private static readonly int[] Chunkings = [256, 4096, 64 * 1024, 512 * 1024];

    public static TheoryData<Way, WireType, int> Cases()
    {
        var data = new TheoryData<Way, WireType, int>();
        foreach (var way in Enum.GetValues<Way>())
        {
            for (var seed = 0; seed < 5; seed++)
            {
                data.Add(way, WireType.Fp32, seed);
                data.Add(way, WireType.Bf16, seed);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Every_rank_gets_the_same_bytes_as_near_to_the_exact_sum_as_rounding_allows(Way way, WireType wire, int seed)
    {
        var random = new SplitMix64(seed, 100 * (int)way + (int)wire);
        var (ranks, leafCount) = (1 + random.Next(5), 1 + random.Next(9));
        var (chunkBytes, oneHopBytes) = (Chunkings[random.Next(Chunkings.Length)], random.Next(2) * 32 * 1024);
        await using var harness = await RankHarness.StartAsync(ranks, way, o => o with { Wire = wire, ChunkBytes = chunkBytes, OneHopBytes = oneHopBytes });
        var tree = new CanonicalTree(leafCount);
        for (var step = 0; step < 3; step++)
        {
            var length = Sizes[random.Next(Sizes.Length)];
            var leaves = AllReduceTests.Leaves(leafCount, length, random.Next(1000));
            var results = await AllReduceTests.ReduceAsync(harness, new StepId(1, 1, step, 0), tree, leaves, length, Dealt(random, leafCount, ranks));
            Assert.All(results, result => Assert.Equal(results[0], result));
            for (var i = 0; i < length; i++)
            {
                var (exact, size) = (leaves.Sum(leaf => (double)leaf[i]), leaves.Sum(leaf => Math.Abs((double)leaf[i])));
                var allowed = size * (tree.Height * Fp32 + (wire == WireType.Bf16 ? 2.01 * Bf16 : 0)) + double.Epsilon;
                Assert.True(Math.Abs(results[0][i] - exact) <= allowed, $"element {i}: {results[0][i]} is not within {allowed} of {exact}");
            }

            if (wire == WireType.Fp32 && length > 0)
            {
                Assert.Equal(AllReduceTests.Expected(tree, leaves), results[0]);
            }
        }
    }

    /// <summary>Every leaf to a rank that chance chooses: some ranks hold nothing, some hold leaves that are no neighbours.</summary>
    private static Deal Dealt(SplitMix64 random, int leaves, int ranks)
    {
        var owners = Enumerable.Range(0, leaves).Select(_ => random.Next(ranks)).ToArray();
        return new Deal([.. Enumerable.Range(0, ranks).Select(rank =>
            Enumerable.Range(0, leaves).Where(leaf => owners[leaf] == rank).Select(leaf => new LeafRange(leaf, 1)).ToImmutableArray())]);
    }

    /// <summary>Such buffers are written past the cache and lie on large pages: every element counts, the last few of each chunk above all.</summary>
    [Theory]
    [InlineData(Way.Reference)]
    [InlineData(Way.Mapped)]
    [InlineData(Way.Staged)]
    [InlineData(Way.TwoHosts)]
    public async Task A_buffer_too_large_for_the_cache_is_summed_like_any_other(Way way)
    {
        const int length = 2_500_003;
        await using var harness = await RankHarness.StartAsync(3, way);
        var mine = harness.Groups.Select(g => harness.Allocate(g, length)).ToArray();
        var results = harness.Groups.Select(g => harness.Allocate(g, length)).ToArray();
        foreach (var g in harness.Groups)
        {
            for (var i = 0; i < length; i++)
            {
                mine[g.Rank].Span[i] = i % 251 * (g.Rank + 1);
            }
        }

        for (var step = 0; step < 2; step++)
        {
            Array.ForEach(results, result => result.Span.Fill(float.NaN));
            await harness.EachAsync(g => g.AllReduceAsync(new StepId(1, 1, step, 0), 0, mine[g.Rank], results[g.Rank]));
            Assert.All(results, result => Assert.Equal(0, WrongIn(result)));
        }

        static int WrongIn(FloatBuffer result)
        {
            var wrong = 0;
            for (var i = 0; i < length; i++)
            {
                wrong += result.Span[i] == i % 251 * 6 ? 0 : 1;
            }

            return wrong;
        }
    }

    [SkippableTheory]
    [InlineData(Way.Grpc)]
    [InlineData(Way.Mapped)]
    public async Task More_than_two_GiB_are_one_buffer_like_any_other(Way way)
    {
        Skip.If(Environment.GetEnvironmentVariable("ORCHESTRATOR_BIG") is not "1", "Needs 9 GB of memory and a minute: set ORCHESTRATOR_BIG=1.");
        const long length = (1L << 29) + 5;
        await using var harness = await RankHarness.StartAsync(2, way);
        var mine = harness.Groups.Select(g => harness.Allocate(g, length)).ToArray();
        var results = harness.Groups.Select(g => harness.Allocate(g, length)).ToArray();
        foreach (var g in harness.Groups)
        {
            mine[g.Rank].Slice(0, length - 5).Span.Fill(1 + g.Rank);
            mine[g.Rank].Slice(length - 5, 5).Span.Fill(10 + g.Rank);
        }

        await Task.WhenAll(harness.Groups.Select(g => g.AllReduceAsync(new StepId(1, 1, 0, 0), 0, mine[g.Rank], results[g.Rank])));
        Assert.All(results, result =>
        {
            Assert.Equal(-1, result.Slice(0, length - 5).Span.IndexOfAnyExcept(3f));
            Assert.Equal(-1, result.Slice(length - 5, 5).Span.IndexOfAnyExcept(21f));
        });
    }
}
