using Orchestrator.Collectives;
using Orchestrator.Collectives.Protocol;

namespace Orchestrator.ProcessTests.Collectives;

/// <summary>What rank 1 says to rank 0 passes through a proxy that harms it; both are processes of their own.</summary>
public sealed class BrokenWireTests
{
    private static readonly Command How = PuppetGroup.How(Transport.Grpc, generation: 1, deadline: 5) with { Bucket = 3 };

    public static TheoryData<string, FrameKind, string> Harms => new()
    {
        { nameof(Tampering.Corrupt), FrameKind.Contribution, "changed on the way" },
        { nameof(Tampering.Corrupt), FrameKind.Sum, "changed on the way" },
        { nameof(Tampering.Truncate), FrameKind.Contribution, "cut short" },
        { nameof(Tampering.Truncate), FrameKind.Sum, "cut short" },
        { nameof(Tampering.Twice), FrameKind.Contribution, "came twice" },
        { nameof(Tampering.Twice), FrameKind.Sum, "came twice" },
    };

    [Theory]
    [MemberData(nameof(Harms))]
    public async Task A_harmed_chunk_ends_the_call_and_names_its_sender(string harm, FrameKind kind, string says)
    {
        Func<byte[], IReadOnlyList<byte[]>> change = harm switch
        {
            nameof(Tampering.Corrupt) => Tampering.Corrupt,
            nameof(Tampering.Truncate) => Tampering.Truncate,
            _ => Tampering.Twice,
        };
        await using var group = await PuppetGroup.StartAsync(2);
        await using var proxy = await FormAsync(group, Tampering.Nth(kind, 5, change));
        var replies = await Task.WhenAll(group.Reduce(How));
        Assert.Equal((1, 3), (replies[0].Suspect, replies[0].Bucket));
        Assert.Contains(says, replies[0].Error, StringComparison.Ordinal);
        Assert.True(harm == nameof(Tampering.Twice) || replies[0].BytesMissing > 0);
        await NextGenerationAsync(group);
    }

    [Theory]
    [InlineData(FrameKind.Contribution, "reduce-scatter")]
    [InlineData(FrameKind.Sum, "all-gather")]
    public async Task A_lost_chunk_is_missed_after_the_deadline_to_the_byte(FrameKind kind, string phase)
    {
        await using var group = await PuppetGroup.StartAsync(2);
        await using var proxy = await FormAsync(group, Tampering.Nth(kind, 2, Tampering.Lose));
        var replies = await Task.WhenAll(group.Reduce(How));
        Assert.Equal((1, 3), (replies[0].Suspect, replies[0].Bucket));
        Assert.Equal((phase, How.ChunkBytes), (replies[0].Phase, replies[0].BytesMissing));
        await NextGenerationAsync(group);
    }

    [Fact]
    public async Task A_chunk_of_an_older_step_changes_nothing_and_is_counted()
    {
        await using var group = await PuppetGroup.StartAsync(2);
        await using var proxy = await FormAsync(group, (message, _) => ValueTask.FromResult<IReadOnlyList<byte[]>>(
            Tampering.HeaderOf(message) is { Kind: FrameKind.Contribution, Key.Id.Step: 5 } ? [Tampering.OfEarlierStep(message), message] : [message]));
        var replies = await Task.WhenAll(group.Reduce(How with { Step = 5 }));
        Assert.All(replies, reply => Assert.Null(reply.Error));
        Assert.All(replies, reply => Assert.Equal(0, reply.Wrong));
        Assert.True(replies[0].LateFrames > 0);
    }

    [Fact]
    public async Task A_chunk_of_another_generation_ends_the_stream_that_brought_it()
    {
        await using var group = await PuppetGroup.StartAsync(2);
        await using var proxy = await FormAsync(group, Tampering.Nth(FrameKind.Contribution, 1, message => [Tampering.OfEarlierGeneration(message)]));
        var replies = await Task.WhenAll(group.Reduce(How));
        Assert.Equal(1, replies[0].Suspect);
        Assert.Contains("generation 0", replies[0].Error, StringComparison.Ordinal);
        await NextGenerationAsync(group);
    }

    [Theory]
    [InlineData(FrameKind.Contribution)]
    [InlineData(FrameKind.Sum)]
    public async Task Chunks_in_another_order_give_the_same_sum(FrameKind kind)
    {
        await using var group = await PuppetGroup.StartAsync(2);
        await using var proxy = await FormAsync(group, Tampering.Swapping(kind));
        await group.ReduceRightAsync(How);
    }

    [Fact]
    public async Task A_slow_peer_is_waited_for_as_long_as_it_moves()
    {
        await using var group = await PuppetGroup.StartAsync(2);
        var how = How with { DeadlineSeconds = 2, Floats = 400_000 };
        await using var proxy = await FormAsync(group, how, async (message, cancellation) =>
        {
            await Task.Delay(TimeSpan.FromMilliseconds(Tampering.HeaderOf(message).Kind == FrameKind.Contribution ? 250 : 0), cancellation);
            return [message];
        });
        var replies = await Task.WhenAll(group.Reduce(how));
        Assert.All(replies, reply => Assert.Null(reply.Error));
        Assert.All(replies, reply => Assert.Equal(0, reply.Wrong));
        Assert.True(replies[0].Seconds > 2.5, "it was not slower than the deadline");
    }

    [Fact]
    public async Task A_silent_partition_is_noticed_by_both_sides()
    {
        await using var group = await PuppetGroup.StartAsync(2);
        using var cut = new CancellationTokenSource();
        await using var forth = await FrameProxy.StartAsync(group.Ranks[1].Endpoint, Swallow);
        await using var back = await FrameProxy.StartAsync(group.Ranks[0].Endpoint, Swallow);
        await group.FormAsync(How, (from, to) => from == 0 ? forth.Endpoint : back.Endpoint);
        await group.ReduceRightAsync(How);
        await cut.CancelAsync();
        var replies = await Task.WhenAll(group.Reduce(How with { Step = 1 }));
        Assert.Equal([1, 0], replies.Select(reply => reply.Suspect!.Value));
        Assert.All(replies, reply => Assert.Contains("was not heard for", reply.Error, StringComparison.Ordinal));
        await NextGenerationAsync(group);

        ValueTask<IReadOnlyList<byte[]>> Swallow(byte[] message, CancellationToken _) =>
            ValueTask.FromResult<IReadOnlyList<byte[]>>(cut.IsCancellationRequested ? [] : [message]);
    }

    [Fact]
    public async Task A_closed_connection_is_noticed_at_once_and_nothing_hangs()
    {
        await using var group = await PuppetGroup.StartAsync(2);
        var proxy = await FormAsync(group, (message, _) => ValueTask.FromResult<IReadOnlyList<byte[]>>([message]));
        await group.ReduceRightAsync(How);
        var waiting = group.Reduce(How with { Step = 1 }, 0)[0];
        await proxy.DisposeAsync();
        Assert.Equal(1, (await waiting).Suspect);
        await NextGenerationAsync(group);
    }

    private static Task<FrameProxy> FormAsync(PuppetGroup group, Tamper tamper) => FormAsync(group, How, tamper);

    private static async Task<FrameProxy> FormAsync(PuppetGroup group, Command how, Tamper tamper)
    {
        var proxy = await FrameProxy.StartAsync(group.Ranks[1].Endpoint, tamper);
        await group.FormAsync(how, (from, to) => from == 0 ? proxy.Endpoint : null);
        return proxy;
    }

    private static async Task NextGenerationAsync(PuppetGroup group)
    {
        await group.FormAsync(How with { Generation = 2 });
        await group.ReduceRightAsync(How with { Generation = 2 });
    }
}
