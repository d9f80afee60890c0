using Orchestrator.Collectives;

namespace Orchestrator.ProcessTests.Collectives;

/// <summary>A peer that dies, stops or leaves: the others' calls end, say why, and the same processes go on in the next generation.</summary>
public sealed class PeerFailureTests
{
    [Theory]
    [InlineData(Transport.Grpc)]
    [InlineData(Transport.Shm)]
    public async Task A_killed_peer_is_named_and_the_survivors_form_the_next_generation(Transport transport)
    {
        await using var group = await PuppetGroup.StartAsync(3);
        var how = PuppetGroup.How(transport, generation: 1);
        await group.FormAsync(how);
        await group.ReduceRightAsync(how);
        var waiting = group.Reduce(how with { Step = 1, Bucket = 7 }, 0, 1);
        await group.Ranks[2].KillAsync();
        var replies = await Task.WhenAll(waiting);
        Assert.All(replies, reply =>
        {
            Assert.Equal((2, "begin", 7), (reply.Suspect, reply.Phase, reply.Bucket));
            Assert.Contains("rank 2 (127.0.0.1:", reply.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("was not heard", reply.Error, StringComparison.Ordinal);   // its sockets close with it; nobody waits for a deadline
            Assert.Contains("bytes from it are missing", reply.Error, StringComparison.Ordinal);
            Assert.True(reply.BytesMissing > 0);
        });
        group.Ranks.RemoveAt(2);
        await group.FormAsync(how with { Generation = 2 });
        await group.ReduceRightAsync(how with { Generation = 2 });
    }

    [Theory]
    [InlineData(Transport.Grpc)]
    [InlineData(Transport.Shm)]
    public async Task A_stopped_peer_is_given_up_after_the_deadline_and_harmless_when_it_wakes(Transport transport)
    {
        await using var group = await PuppetGroup.StartAsync(3);
        var how = PuppetGroup.How(transport, generation: 1);
        await group.FormAsync(how);
        await group.ReduceRightAsync(how);
        var sleeper = group.Ranks[2];
        sleeper.Stop();
        var replies = await Task.WhenAll(group.Reduce(how with { Step = 1 }, 0, 1));
        Assert.All(replies, reply => Assert.Equal(2, reply.Suspect));
        Assert.Contains(replies, reply => reply.Error!.Contains("was not heard for", StringComparison.Ordinal));
        Assert.All(replies, reply => Assert.InRange(reply.Seconds, how.DeadlineSeconds * 0.5, how.DeadlineSeconds * 3));
        group.Ranks.RemoveAt(2);
        await group.FormAsync(how with { Generation = 2 });
        sleeper.Continue();
        var woken = await sleeper.SendAsync(how with { Verb = "reduce", Step = 1 });
        Assert.NotNull(woken.Error);
        for (var step = 0; step < 3; step++)
        {
            await group.ReduceRightAsync(how with { Generation = 2, Step = step });
        }
    }

    [Theory]
    [InlineData(Transport.Grpc)]
    [InlineData(Transport.Shm)]
    public async Task A_peer_that_is_asked_for_another_size_is_named_on_both_sides(Transport transport)
    {
        await using var group = await PuppetGroup.StartAsync(2);
        var how = PuppetGroup.How(transport, generation: 1);
        await group.FormAsync(how);
        var replies = await Task.WhenAll(group.Reduce(how, 0)[0], group.Reduce(how with { Floats = 999_999 }, 1)[0]);
        Assert.Equal([1, 0], replies.Select(reply => reply.Suspect!.Value));
        Assert.Contains(replies, reply => reply.Error!.Contains("asked for something else", StringComparison.Ordinal));
        await group.FormAsync(how with { Generation = 2 });
        await group.ReduceRightAsync(how with { Generation = 2 });
    }

    [Theory]
    [InlineData(Transport.Grpc)]
    [InlineData(Transport.Shm)]
    public async Task A_peer_that_leaves_says_so(Transport transport)
    {
        await using var group = await PuppetGroup.StartAsync(2);
        var how = PuppetGroup.How(transport, generation: 1);
        await group.FormAsync(how);
        var waiting = group.Reduce(how, 0)[0];
        await group.Ranks[1].SendAsync(how with { Verb = "leave" });
        var reply = await waiting;
        Assert.Equal(1, reply.Suspect);
        Assert.Contains("has left the generation", reply.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rank_of_another_run_is_not_let_in()
    {
        await using var group = await PuppetGroup.StartAsync(2);
        var how = PuppetGroup.How(Transport.Grpc, generation: 1) with { ConnectSeconds = 2 };
        string[] members = [.. group.Ranks.Select(rank => rank.Endpoint)];
        var replies = await Task.WhenAll(group.Ranks.Select((rank, number) =>
            rank.SendAsync(how with { Verb = "form", Rank = number, Run = $"run {number}", Members = members })));
        Assert.Equal([1, 0], replies.Select(reply => reply.Suspect!.Value));
        Assert.All(replies, reply => Assert.Equal("connect", reply.Phase));
        await group.FormAsync(how with { ConnectSeconds = 60 });
        await group.ReduceRightAsync(how);
    }

    [Theory]
    [InlineData(Transport.Grpc)]
    [InlineData(Transport.Shm)]
    public async Task Cancelling_ends_the_call_everywhere_and_the_next_one_goes_over_the_same_connections(Transport transport)
    {
        await using var group = await PuppetGroup.StartAsync(3);
        var how = PuppetGroup.How(transport, generation: 1);
        await group.FormAsync(how);
        var (id, cancelled) = group.Ranks[0].Send(how with { Verb = "reduce", Bucket = 4 });
        var other = group.Reduce(how with { Bucket = 4 }, 1)[0];
        await group.Ranks[0].SendAsync(how with { Verb = "cancel", Target = id });
        Assert.True((await cancelled).Cancelled);
        Assert.Equal((0, 4), ((await other).Suspect, (await other).Bucket));
        await group.ReduceRightAsync(how with { Step = 1 });
    }
}
