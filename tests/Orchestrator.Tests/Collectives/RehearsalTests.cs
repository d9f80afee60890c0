using Orchestrator.Collectives;
using Orchestrator.Core;

namespace Orchestrator.Tests.Collectives;

/// <summary>What a process does by itself before it joins those that wait for nobody.</summary>
[Collection(RealSockets.Name)]
public sealed class RehearsalTests
{
    private static readonly GroupOptions Options = new() { RunId = "a run", Members = [], Token = "secret", ConnectDeadline = TimeSpan.FromSeconds(20) };

    [Fact]
    public async Task It_ends_and_can_be_had_again()
    {
        await using var server = await CollectiveServer.StartAsync(new ServerOptions { Token = "secret" });
        await Rehearsal.RunAsync(server, Options).WaitAsync(RankHarness.Patience);
        await Rehearsal.RunAsync(server, Options).WaitAsync(RankHarness.Patience);   // nobody of the first stands in the way
    }

    [Fact]
    public async Task It_really_connects_with_the_servers_secret()
    {
        await using var server = await CollectiveServer.StartAsync(new ServerOptions { Token = "another" });
        var error = await Assert.ThrowsAsync<CollectiveException>(() => Rehearsal.RunAsync(server, Options).WaitAsync(RankHarness.Patience));
        Assert.Contains("token", error.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task An_address_under_which_the_process_cannot_reach_itself_is_told()
    {
        await using var server = await CollectiveServer.StartAsync(new ServerOptions { Token = "secret", AdvertisedHost = "host.invalid" });
        await Assert.ThrowsAsync<CollectiveException>(() => Rehearsal.RunAsync(server, Options with { ConnectDeadline = TimeSpan.FromSeconds(1) }).WaitAsync(RankHarness.Patience));
    }
}
