using Orchestrator.Collectives;
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

    // The moment its call ends the buffers are its caller's again: whoever reports success must not have read what is written then, and nobody writes there.
    [Theory]
    [InlineData(Way.Reference, false)]
    [InlineData(Way.Mapped, false)]
    [InlineData(Way.Mapped, true)]
    [InlineData(Way.TwoHosts, false)]
    public async Task Nobody_succeeds_with_what_a_cancelled_rank_writes_afterwards(Way way, bool broadcast)
    {
        await using var harness = await RankHarness.StartAsync(3, way, o => o with { ChunkBytes = 4096, OneHopBytes = 0 });
        var mine = harness.Groups.Select(g => harness.Allocate(g, 300_000)).ToArray();
        var results = harness.Groups.Select(g => harness.Allocate(g, 300_000)).ToArray();
        for (var step = 0; step < 30; step++)
        {
            foreach (var buffer in mine)
            {
                buffer.Span.Fill(2);
            }

            Task Call(CollectiveGroup g, CancellationToken token) => broadcast
                ? g.BroadcastAsync(Id(step), 0, 0, g.Rank == 0 ? mine[0] : results[g.Rank], token)
                : g.AllReduceAsync(Id(step), 0, mine[g.Rank], results[g.Rank], token);
            using var cancellation = new CancellationTokenSource();
            var others = harness.Groups.Skip(1).Select(g => EndOfAsync(Call(g, default))).ToArray();
            var first = EndOfAsync(Call(harness.Groups[0], cancellation.Token));
            Thread.SpinWait(step % 6 * 5000);   // so that it comes at another stage of the call each time
            await cancellation.CancelAsync();
            await first;
            mine[0].Span.Fill(float.NaN);
            results[0].Span.Fill(-1);
            var ends = await Task.WhenAll(others).WaitAsync(RankHarness.Patience);
            Assert.False(results[0].Span.ContainsAnyExcept(-1f), $"step {step}: a result was written after its call had ended");
            foreach (var (end, rank) in ends.Select((end, i) => (end, i + 1)))
            {
                Assert.True(end is not null || !results[rank].Span.ContainsAnyExcept(broadcast ? 2f : 6f), $"step {step}: rank {rank} ended well with another sum");
            }
        }
    }

    // Ranks of one process write into each other's results. A chunk of 128 terms takes long enough to be called off in the middle.
    [Fact]
    public async Task A_call_ends_only_when_the_other_rank_has_left_its_result()
    {
        const int Leaves = 128;
        const int Length = 2 * 64 * 1024;
        await using var harness = await RankHarness.StartAsync(2, Way.Reference);
        var tree = new CanonicalTree(Leaves);
        var nodes = Enumerable.Range(0, 2).Select(rank => tree.WholeNodes(Enumerable.Range(0, Leaves).Where(leaf => leaf % 2 == rank))).ToArray();
        var mine = harness.Groups.Select(g => nodes[g.Rank].Select(_ => harness.Filled(g, Length, _ => 1)).ToArray()).ToArray();
        var results = harness.Groups.Select(g => harness.Allocate(g, Length)).ToArray();
        for (var step = 0; step < 5; step++)
        {
            results[0].Span.Fill(-2);
            using var cancellation = new CancellationTokenSource();
            var calls = harness.Groups.Select(g => EndOfAsync(g.AllReduceAsync(Id(step), 0, tree, nodes, mine[g.Rank], results[g.Rank], g.Rank == 0 ? cancellation.Token : default))).ToArray();
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref results[0].Span[Length / 2]) == Leaves, RankHarness.Patience), "the other rank brings nothing");
            await cancellation.CancelAsync();
            await calls[0].WaitAsync(RankHarness.Patience);
            results[0].Span.Fill(-1);
            await calls[1].WaitAsync(RankHarness.Patience);
            Assert.False(results[0].Span.ContainsAnyExcept(-1f), $"step {step}: a result was written after its call had ended");
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
