using Orchestrator.Collectives;
using Orchestrator.Collectives.Benchmark;
using Orchestrator.Core;

namespace Orchestrator.Tests.Collectives;

/// <summary>How a group comes together, and what it expects of its ranks from then on.</summary>
[Collection(RealSockets.Name)]
public sealed class MeetingTests
{
    // Two ranks have waited for the third longer than the deadline for a silent peer; after that nobody is held to have been silent.
    [Theory]
    [InlineData(Way.Grpc)]
    [InlineData(Way.Mapped)]
    public async Task A_rank_that_comes_late_makes_nobody_a_suspect(Way way)
    {
        // The first rank looks at its peers long before they next say that they live.
        var deadline = TimeSpan.FromSeconds(1.5);
        await using var harness = await RankHarness.StartAsync(3, way);
        GroupOptions Options(int rank) => harness.Options(rank, 2, o => o with { ProgressDeadline = rank == 0 ? deadline : TimeSpan.FromSeconds(8), OneHopBytes = 0 });
        var early = Enumerable.Range(0, 2).Select(rank => CollectiveGroup.ConnectAsync(harness.Servers[rank], Options(rank))).ToArray();
        await Task.Delay(deadline * 1.5);
        var late = await CollectiveGroup.ConnectAsync(harness.Servers[2], Options(2));
        CollectiveGroup[] groups = [.. await Task.WhenAll(early), late];
        var mine = groups.Select(g => harness.Filled(g, 5000, i => i % 7)).ToArray();
        var results = groups.Select(g => harness.Allocate(g, 5000)).ToArray();
        var first = groups[0].AllReduceAsync(new StepId(1, 2, 0, 0), 0, mine[0], results[0]);
        await Task.Delay(deadline);   // the others still compute
        await Task.WhenAll(groups.Skip(1).Select(g => g.AllReduceAsync(new StepId(1, 2, 0, 0), 0, mine[g.Rank], results[g.Rank])).Append(first)).WaitAsync(RankHarness.Patience);
        Assert.All(results, result => Assert.Equal(3f * (4999 % 7), result.Span[^1]));
        await Task.WhenAll(groups.Select(g => g.DisposeAsync().AsTask()));
    }

    [Fact]
    public async Task A_refusal_is_told_at_once_though_a_third_rank_is_still_awaited()
    {
        await using var harness = await RankHarness.StartAsync(3);
        GroupOptions Options(int rank, int connections) => harness.Options(rank, 2, o => o with { ConnectDeadline = TimeSpan.FromMinutes(5), Connections = connections });
        using var stop = new CancellationTokenSource();
        Task<CollectiveGroup>[] ranks = [CollectiveGroup.ConnectAsync(harness.Servers[0], Options(0, 1), stop.Token), CollectiveGroup.ConnectAsync(harness.Servers[1], Options(1, 2), stop.Token)];
        var told = await Task.WhenAny(ranks).WaitAsync(TimeSpan.FromSeconds(15));   // a server tells a stranger after 30 s, as the other is once the one that was told has gone
        var error = await Assert.ThrowsAsync<CollectiveException>(() => told);
        Assert.Contains("refused", error.Message, StringComparison.Ordinal);
        await stop.CancelAsync();
        var end = await Record.ExceptionAsync(() => ranks.Single(rank => rank != told).WaitAsync(RankHarness.Patience));
        Assert.True(end is OperationCanceledException or CollectiveException { Suspect: 0 or 1 }, $"the other rank ended with {end}");
    }

    [Fact]
    public async Task A_second_group_of_one_name_is_refused_and_the_first_stays_where_its_peers_find_it()
    {
        await using var harness = await RankHarness.StartAsync(2);
        await Assert.ThrowsAsync<InvalidOperationException>(() => CollectiveGroup.ConnectAsync(harness.Servers[0], harness.Options(0, 1)));
        Assert.Throws<InvalidOperationException>(() => harness.Servers[0].Groups.Add(harness.Options(0, 1).Id, null!));
        await harness.EachAsync(g => g.BarrierAsync(new StepId(1, 1, 0, 0), 0));
    }

    [Fact]
    public async Task Ranks_that_start_the_operations_of_a_step_in_different_orders_are_told_so()
    {
        await using var harness = await RankHarness.StartAsync(2, Way.Mapped);
        var buffers = harness.Groups.Select(g => harness.Filled(g, 100, i => i)).ToArray();
        Task[] Started(int rank, params int[] buckets) => [.. buckets.Select(bucket => harness.Groups[rank].AllReduceAsync(new StepId(1, 1, 0, 0), bucket, buffers[rank], buffers[rank]))];
        Task[] all = [.. Started(0, 0, 1), .. Started(1, 1, 0)];
        var error = await Assert.ThrowsAsync<CollectiveException>(() => Task.WhenAll(all).WaitAsync(RankHarness.Patience));
        Assert.Contains("all ranks start the operations of a step in one order", string.Join('\n', all.Select(task => task.Exception?.InnerException?.Message)), StringComparison.Ordinal);
        Assert.NotNull(error.Suspect);
    }

    [Fact]
    public async Task A_server_that_strangers_reach_needs_a_token_or_tls()
    {
        var error = await Assert.ThrowsAsync<ArgumentException>(() => CollectiveServer.StartAsync(new ServerOptions { Bind = "0.0.0.0" }));
        Assert.Contains("neither a token nor TLS", error.Message, StringComparison.Ordinal);
    }

    // Were two chunks exchanged, each multiple of a page of elements, the benchmark's check would not see it if they were alike.
    [Theory]
    [InlineData(2)]
    [InlineData(9)]
    [InlineData(18)]
    [InlineData(31)]
    public void The_benchmarks_pattern_is_unlike_at_any_distance_that_chunks_have(int ranks)
    {
        var sum = Enumerable.Range(0, ranks).Select(rank => RankRun.Pattern(rank, ranks)).Aggregate((a, b) => [.. a.Zip(b, (x, y) => x + y)]);
        Assert.InRange(sum.Max(), 1, 255);
        foreach (var distance in Enumerable.Range(0, 13).Select(power => 1 << power).Where(distance => distance < sum.Length))
        {
            Assert.Contains(Enumerable.Range(0, sum.Length - distance), i => sum[i] != sum[i + distance]);
        }
    }
}
