using System.Net;
using System.Net.Sockets;
using Orchestrator.Cluster;

namespace Orchestrator.Tests.Cluster;

/// <summary>Three control nodes: the one that coordinates is lost or leaves, and the run goes on to the same weights.</summary>
[Collection(RealClusters.Name)]
public sealed class ClusterTakeoverTests
{
    private const int Steps = 6;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task When_the_coordinator_is_lost_or_leaves_another_goes_on_and_no_step_is_lost(bool killed)
    {
        await using var run = new TestRun();
        var (reached, open) = run.HoldAt(2);
        var nodes = FreePorts(3).Select(port => $"127.0.0.1:{port}").ToArray();
        using var kill = new CancellationTokenSource();
        await run.StartAsync(Steps, o => o with { ControlNodes = [.. nodes], Port = PortOf(nodes[0]), Deadlines = Short, Kill = kill.Token, Hocon = ReflectiveSerializer.Noting });
        var standby = nodes.Skip(1).Select(node => run.StandBy(PortOf(node))).ToList();
        foreach (var worker in new[] { "a", "b" })
        {
            run.Add(worker, o => o with { Join = [.. nodes], Deadlines = Short, Hocon = ReflectiveSerializer.Noting });
        }

        await reached;
        await run.ControlAsync(3);
        await (killed ? kill.CancelAsync() : run.StopAsync());
        var first = await run.EndAsync();
        Assert.NotEqual(RunEnd.Completed, first.End);
        open.SetResult();
        await Task.WhenAny(Task.WhenAll(standby), Task.Delay(TestRun.Patience));
        Assert.True(standby.All(s => s.IsCompleted), "The other control nodes did not end.\n" + run.Story());
        var outcomes = await Task.WhenAll(standby);
        Assert.All(outcomes, outcome => Assert.True(outcome.End == RunEnd.Completed, outcome.Reason + "\n" + run.Story()));
        Assert.Equal(Enumerable.Range(1, Steps).Select(s => (long)s), run.All<StepCommitted>().Where(s => !s.Retold).Select(s => s.Step));
        Assert.Equal(2, run.All<StepCommitted>()[^1].Id.Term);
        Assert.Equal(await ClusterFailureTests.UndisturbedAsync(Steps), outcomes[0].WeightsSha256);
        Assert.True(!killed || run.Log.Any(line => line.Contains($"Control node {nodes[0]} refuses connections", StringComparison.Ordinal)), run.Story());
    }

    private static Deadlines Short { get; } = new() { Patience = TimeSpan.FromSeconds(2) };

    private static int PortOf(string node) => int.Parse(node.Split(':')[1]);

    internal static List<int> FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        listeners.ForEach(listener => listener.Start());
        var ports = listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port).ToList();
        listeners.ForEach(listener => listener.Stop());
        return ports;
    }
}
