using Orchestrator.Cluster;

namespace Orchestrator.Tests.Cluster;

/// <summary>The control plane is cut while all live and the data plane holds: one side goes on, the other fences itself, and no step counts twice.</summary>
[Collection(RealClusters.Name)]
public sealed class ClusterPartitionTests
{
    private const int Steps = 6;

    private static Deadlines Short { get; } = new() { Patience = TimeSpan.FromSeconds(2) };

    [Fact]
    public async Task A_coordinator_that_is_cut_off_fences_itself_and_another_goes_on_with_the_same_workers()
    {
        await using var run = new TestRun();
        var (reached, open) = run.HoldAt(2);
        var ports = ClusterTakeoverTests.FreePorts(3);
        string[] nodes = [.. ports.Select(port => $"127.0.0.1:{port}")];
        await run.StartAsync(Steps, o => o with { ControlNodes = [.. nodes], Port = ports[0], Deadlines = Short, Hocon = CutLinks.Hocon });
        var standby = ports.Skip(1).Select(run.StandBy).ToList();
        foreach (var worker in new[] { "a", "b" })
        {
            run.Add(worker, o => o with { Join = [.. nodes], Deadlines = Short, Hocon = CutLinks.Hocon });
        }

        await reached;
        foreach (var port in ports)
        {
            await CutLinks.UpAsync(port, members: 5);   // each of them knows that the others may vote
        }

        await CutLinks.IsolateAsync(ports[0]);
        open.SetResult();

        var cut = await run.EndAsync();
        Assert.True(cut.End is RunEnd.Fenced or RunEnd.HandedOver, $"{cut.End}: {cut.Reason}\n{run.Story()}");
        var others = await Task.WhenAll(standby).WaitAsync(TestRun.Patience);
        Assert.All(others, outcome => Assert.True(outcome.End == RunEnd.Completed, outcome.Reason + "\n" + run.Story()));
        Assert.Equal(Enumerable.Range(1, Steps).Select(step => (long)step), run.All<StepCommitted>().Where(step => !step.Retold).Select(step => step.Step));
        Assert.Equal(2, run.All<StepCommitted>()[^1].Id.Term);
        Assert.Equal(await ClusterFailureTests.UndisturbedAsync(Steps), others[0].WeightsSha256);
        Assert.Contains(run.Log, line => line.Contains($"Control node {nodes[0]} is silent, as most control nodes find", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_worker_that_only_the_data_plane_reaches_is_dropped_and_its_leaves_are_dealt_anew()
    {
        await using var run = new TestRun();
        var (reached, open) = run.HoldAt(2);
        var ports = ClusterTakeoverTests.FreePorts(2);
        await run.StartAsync(Steps, o => o with { Port = ports[0], Workers = 2, Deadlines = Short, Hocon = CutLinks.Hocon });
        run.Add("a", o => o with { Deadlines = Short, Hocon = CutLinks.Hocon });
        run.Add("b", o => o with { Deadlines = Short, Hocon = CutLinks.Hocon, Port = ports[1] });
        await reached;
        await CutLinks.IsolateAsync(ports[1]);
        open.SetResult();

        var outcome = await run.EndAsync();
        Assert.True(outcome.End == RunEnd.Completed, outcome.Reason + "\n" + run.Story());
        Assert.Contains(run.All<MembershipChanged>(), change => change.Members.Length == 1);
        Assert.Equal(Enumerable.Range(1, Steps).Select(step => (long)step), run.All<StepCommitted>().Where(step => !step.Retold).Select(step => step.Step));
        Assert.Equal(await ClusterFailureTests.UndisturbedAsync(Steps), outcome.WeightsSha256);
        Assert.NotEqual(WorkerEnd.RunEnded, (await run.OutcomeOf("b")).End);
    }
}
