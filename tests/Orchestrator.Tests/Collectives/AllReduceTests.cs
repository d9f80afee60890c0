using System.Collections.Immutable;
using Orchestrator.Collectives;
using Orchestrator.Core;

namespace Orchestrator.Tests.Collectives;

[Collection(RealSockets.Name)]
public sealed class AllReduceTests
{
    private static StepId Step(long step, int attempt = 0) => new(1, 1, step, attempt);

    /// <summary>Sums along the tree, one float at a time: what every layout must give to the last bit.</summary>
    internal static float[] Expected(CanonicalTree tree, float[][] leaves) => [.. Enumerable.Range(0, leaves[0].Length).Select(i =>
    {
        var slots = leaves.Select(leaf => leaf[i]).ToArray();
        foreach (var (into, from) in tree.Additions([.. Enumerable.Range(0, leaves.Length).Select(l => new TreeNode(0, l))]))
        {
            slots[into] += slots[from];
        }

        return slots[0];
    })];

    internal static float[][] Leaves(int leaves, int length, long seed)
    {
        var random = new SplitMix64(seed);
        return [.. Enumerable.Range(0, leaves).Select(_ => Enumerable.Range(0, length)
            .Select(_ => (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(8) - 4))).ToArray())];
    }

    public static TheoryData<Way, int, int, int> Layouts()
    {
        var data = new TheoryData<Way, int, int, int>();
        foreach (var way in Enum.GetValues<Way>())
        {
            data.Add(way, 1, 8, 1000);
            data.Add(way, 2, 8, 100_003);
            data.Add(way, 3, 8, 70_001);
            data.Add(way, 4, 5, 150_000);
            data.Add(way, 4, 2, 50_000);
            data.Add(way, 5, 16, 40_000);
            data.Add(way, 3, 8, 0);
            data.Add(way, 3, 8, 1);
            data.Add(way, 2, 7, 40);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public async Task Every_rank_gets_the_canonical_sum_to_the_last_bit(Way way, int ranks, int leafCount, int length)
    {
        await using var harness = await RankHarness.StartAsync(ranks, way, o => o with { ChunkBytes = 16 * 1024 });
        var tree = new CanonicalTree(leafCount);
        var leaves = Leaves(leafCount, length, 5);
        var expected = Expected(tree, leaves);
        for (var step = 0; step < 3; step++)
        {
            var results = await ReduceAsync(harness, Step(step), tree, leaves, length);
            Assert.All(results, result => Assert.Equal(expected, result));
        }
    }

    [Theory]
    [InlineData(Way.Grpc)]
    [InlineData(Way.Mapped)]
    [InlineData(Way.TwoHosts)]
    public async Task Uneven_nodes_and_a_rank_without_any_give_the_same_bits_as_one_rank(Way way)
    {
        await using var harness = await RankHarness.StartAsync(4, way);
        var tree = new CanonicalTree(8);
        var leaves = Leaves(8, 90_000, 7);
        var deal = new Deal([[new LeafRange(3, 2), new LeafRange(7, 1)], [], [new LeafRange(0, 3)], [new LeafRange(5, 2)]]);
        var results = await ReduceAsync(harness, Step(0), tree, leaves, 90_000, deal);
        var expected = Expected(tree, leaves);
        Assert.All(results, result => Assert.Equal(expected, result));
    }

    [Theory]
    [InlineData(Way.Grpc)]
    [InlineData(Way.Reference)]
    [InlineData(Way.Mapped)]
    public async Task Buckets_overlap_whatever_the_pace_of_each_rank(Way way)
    {
        await using var harness = await RankHarness.StartAsync(2, way, o => o with { ChunkBytes = 4096, OneHopBytes = 0 });
        const int buckets = 12;
        var mine = harness.Groups.Select(g => Enumerable.Range(0, buckets)
            .Select(b => harness.Filled(g, 5000 + b, i => g.Rank == 0 ? i : b * 1000)).ToArray()).ToArray();
        var results = harness.Groups.Select(g => mine[g.Rank].Select(b => harness.Allocate(g, b.Length)).ToArray()).ToArray();
        var eager = Task.WhenAll(Enumerable.Range(0, buckets).Select(b => harness.Groups[0].AllReduceAsync(Step(0), b, mine[0][b], results[0][b])));
        for (var b = 0; b < buckets; b++)
        {
            await harness.Groups[1].AllReduceAsync(Step(0), b, mine[1][b], results[1][b]).WaitAsync(RankHarness.Patience);
        }

        await eager.WaitAsync(RankHarness.Patience);
        for (var b = 0; b < buckets; b++)
        {
            Assert.Equal(4321f + b * 1000, results[0][b].Span[4321]);
            Assert.True(results[0][b].Span.SequenceEqual(results[1][b].Span));
        }
    }

    [Fact]
    public async Task A_bf16_wire_rounds_each_node_once_and_the_total_once()
    {
        await using var harness = await RankHarness.StartAsync(2, Way.Grpc, o => o with { Wire = WireType.Bf16, OneHopBytes = 0 });
        var leaves = Leaves(2, 3001, 11);
        var results = await ReduceAsync(harness, Step(0), new CanonicalTree(2), leaves, 3001);
        var expected = Enumerable.Range(0, 3001).Select(i => Round(Round(leaves[0][i]) + Round(leaves[1][i]))).ToArray();
        Assert.All(results, result => Assert.Equal(expected, result));
    }

    [Fact]
    public async Task On_a_bf16_wire_between_two_hosts_what_each_host_has_added_up_is_rounded()
    {
        await using var harness = await RankHarness.StartAsync(4, Way.TwoHosts, o => o with { Wire = WireType.Bf16, OneHopBytes = 0, ChunkBytes = 4096 });
        var leaves = Leaves(4, 30_001, 13);
        var deal = new Deal([[new LeafRange(0, 1)], [new LeafRange(2, 1)], [new LeafRange(1, 1)], [new LeafRange(3, 1)]]);
        var results = await ReduceAsync(harness, Step(0), new CanonicalTree(4), leaves, 30_001, deal);
        var expected = Enumerable.Range(0, 30_001).Select(i => Round(Round(leaves[0][i] + leaves[1][i]) + Round(leaves[2][i] + leaves[3][i]))).ToArray();
        Assert.All(results, result => Assert.Equal(expected, result));
    }

    /// <summary>Also buffers so short that some ranks own nothing of them.</summary>
    public static TheoryData<Way, int> Lengths()
    {
        var data = new TheoryData<Way, int>();
        foreach (var way in Enum.GetValues<Way>())
        {
            foreach (var length in new[] { 0, 1, 2, 4, 47, 200_007 })
            {
                data.Add(way, length);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public async Task The_other_collectives_move_what_they_say(Way way, int length)
    {
        await using var harness = await RankHarness.StartAsync(3, way, o => o with { ChunkBytes = 4096, Connections = 2 });
        var gathered = harness.Groups.Select(g => harness.Filled(g, length, i => Owns(g, i) ? i + 1 : -1)).ToArray();
        await harness.EachAsync(g => g.AllGatherAsync(Step(0), 0, gathered[g.Rank]));
        Assert.All(gathered, buffer => Assert.Equal(Enumerable.Range(1, length).Select(i => (float)i), buffer.Span.ToArray()));

        for (var root = 0; root < 3; root++)
        {
            var sent = harness.Groups.Select(g => harness.Filled(g, length, i => g.Rank * 1_000_000 + i)).ToArray();
            await harness.EachAsync(g => g.BroadcastAsync(Step(0), root, root, sent[g.Rank]));
            Assert.All(sent, buffer => Assert.Equal(Enumerable.Range(root * 1_000_000, length).Select(i => (float)i), buffer.Span.ToArray()));
        }

        var scattered = harness.Groups.Select(g => harness.Filled(g, length, _ => -1)).ToArray();
        await harness.EachAsync(g => g.ReduceScatterAsync(Step(1), 0, gathered[g.Rank], scattered[g.Rank]));
        Assert.All(harness.Groups, g =>
        {
            var (start, count) = g.SliceOf(g.Rank, length);
            Assert.Equal(Enumerable.Range((int)start + 1, (int)count).Select(i => 3f * i), scattered[g.Rank].Slice(start, count).Span.ToArray());
        });
        Assert.Equal(length, harness.Groups.Sum(g => g.SliceOf(g.Rank, length).Length));

        await harness.EachAsync(g => g.BarrierAsync(Step(2), 0));

        bool Owns(CollectiveGroup group, long i) => group.SliceOf(group.Rank, length) is var (start, count) && i >= start && i < start + count;
    }

    [Theory]
    [InlineData(Way.Grpc)]
    [InlineData(Way.Mapped)]
    public async Task Nodes_are_left_as_they_were(Way way)
    {
        await using var harness = await RankHarness.StartAsync(2, way);
        var mine = harness.Groups.Select(g => harness.Filled(g, 20_000, i => i * (g.Rank + 1))).ToArray();
        var results = harness.Groups.Select(g => harness.Allocate(g, 20_000)).ToArray();
        await harness.EachAsync(g => g.AllReduceAsync(Step(0), 0, mine[g.Rank], results[g.Rank]));
        Assert.Equal(2f * 19_999, mine[1].Span[^1]);
        Assert.Equal(3f * 19_999, results[1].Span[^1]);
    }

    /// <summary>To 8 significant bits, ties to even, by arithmetic on the value.</summary>
    private static float Round(float value) => value == 0
        ? value
        : (float)Math.ScaleB(Math.Round(Math.ScaleB(value, 7 - Math.ILogB(value)), MidpointRounding.ToEven), Math.ILogB(value) - 7);

    internal static async Task<float[][]> ReduceAsync(RankHarness harness, StepId id, CanonicalTree tree, float[][] leaves, int length, Deal? deal = null)
    {
        deal ??= Deal.Even(leaves.Length, harness.Groups.Length);
        var nodes = Enumerable.Range(0, harness.Groups.Length).Select(rank => tree.WholeNodes(deal.LeavesOf(rank))).ToArray();
        var results = harness.Groups.Select(g => harness.Allocate(g, length)).ToArray();
        await harness.EachAsync(g =>
        {
            var mine = nodes[g.Rank].Select(node =>
            {
                var part = tree.LeavesOf(node).Leaves.Select(l => leaves[l]).ToArray();
                var sum = Expected(new CanonicalTree(part.Length), part);
                return harness.Filled(g, length, i => sum[i]);
            }).ToArray();
            return g.AllReduceAsync(id, 0, tree, nodes, mine, results[g.Rank], default);
        });
        return [.. results.Select(r => r.Span.ToArray())];
    }
}
