using Orchestrator.Core;

namespace Orchestrator.Tests.Collectives;

[Collection(RealSockets.Name)]
public sealed class CancellationTests
{
    [Theory]
    [InlineData(Way.Grpc)]
    [InlineData(Way.Reference)]
    [InlineData(Way.Mapped)]
    [InlineData(Way.TwoHosts)]
    public async Task One_token_ends_the_call_on_all_ranks_and_the_next_call_goes_through(Way way)
    {
        await using var harness = await RankHarness.StartAsync(4, way, o => o with { ChunkBytes = 4096, OneHopBytes = 0 });
        var mine = harness.Groups.Select(g => harness.Filled(g, 200_000, i => i % 7)).ToArray();
        var results = harness.Groups.Select(g => harness.Allocate(g, 200_000)).ToArray();
        for (var step = 0; step < 20; step += 2)
        {
            using var cancellation = new CancellationTokenSource();
            var calls = harness.Groups.Where(g => g.Rank < 3 || step % 4 == 0)
                .Select(g => EndOfAsync(g.AllReduceAsync(Id(step), 0, mine[g.Rank], results[g.Rank], g.Rank == 0 ? cancellation.Token : default))).ToArray();
            await Task.Yield();
            await cancellation.CancelAsync();
            var ends = await Task.WhenAll(calls).WaitAsync(RankHarness.Patience);
            Assert.True(ends[0] is null or OperationCanceledException, $"rank 0 ended with {ends[0]}");
            Assert.All(ends.Skip(1), end => Assert.True(end is null or CollectiveException { Suspect: 0 }, $"another rank ended with {end}"));

            await harness.EachAsync(g => g.AllReduceAsync(Id(step + 1), 0, mine[g.Rank], results[g.Rank]));
            Assert.All(results, result => Assert.Equal(4f * (199_999 % 7), result.Span[^1]));
        }
    }

    [Fact]
    public async Task A_token_that_was_cancelled_before_starts_nothing()
    {
        await using var harness = await RankHarness.StartAsync(2);
        var buffer = harness.Allocate(harness.Groups[0], 10);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => harness.Groups[0].AllReduceAsync(Id(0), 0, buffer, buffer, new CancellationToken(true)));
        await harness.EachAsync(g => g.BarrierAsync(Id(1), 0));
    }

    private static StepId Id(long step) => new(1, 1, step, 0);

    private static async Task<Exception?> EndOfAsync(Task call)
    {
        await call.ContinueWith(_ => { }, TaskScheduler.Default);
        return call.Exception?.InnerException ?? (call.IsCanceled ? new OperationCanceledException() : null);
    }
}
