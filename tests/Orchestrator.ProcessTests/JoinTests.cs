namespace Orchestrator.ProcessTests;

/// <summary>Workers that another command starts, in another folder, with a cache of their own: they share nothing with the run but sockets.</summary>
public sealed class JoinTests
{
    private const string Secret = "only for this test";

    [SkippableFact]
    public async Task Workers_that_join_over_sockets_do_the_whole_run()
    {
        using var run = new SmallRun(steps: 8);
        var elsewhere = Directory.CreateDirectory(run.Out("elsewhere")).FullName;
        await using var coordinator = OrchestratorProcess.Start(
            run.Train("out", "--workers", "0", "--set", "wait_for_workers=2", "--set", "transport=grpc"), null, ("ORCHESTRATOR_TOKEN", Secret));
        var address = (await coordinator.LineAsync("Coordinator at ")).Split(' ')[^1].TrimEnd('.');
        await using var workers = OrchestratorProcess.Start(
            ["worker", "--join", address, "--device", "cpu", "--workers", "2", "--threads", "1", "--cache", Path.Combine(elsewhere, "cache")], elsewhere, ("ORCHESTRATOR_TOKEN", Secret));
        Assert.True(await coordinator.ExitCodeAsync() == 0, coordinator.Output + "\n" + workers.Output);
        Assert.True(await workers.ExitCodeAsync() == 0, workers.Output);
        await OrchestratorProcess.RunAsync(0, run.Train("alone", "--workers", "1"));
        Assert.Equal(run.WeightsSha256("alone"), run.WeightsSha256("out"));
    }

    [SkippableFact]
    public async Task A_worker_with_another_secret_is_turned_away()
    {
        using var run = new SmallRun(steps: 8);
        await using var coordinator = OrchestratorProcess.Start(run.Train("out", "--workers", "0"), null, ("ORCHESTRATOR_TOKEN", Secret));
        var address = (await coordinator.LineAsync("Coordinator at ")).Split(' ')[^1].TrimEnd('.');
        string[] join = ["worker", "--join", address, "--device", "cpu", "--cache", run.Out("cache")];
        await using var stranger = OrchestratorProcess.Start(join, null, ("ORCHESTRATOR_TOKEN", "a guess"));
        Assert.Equal(1, await stranger.ExitCodeAsync());
        Assert.Contains("The token is not this run's", stranger.Output, StringComparison.Ordinal);
        await using var bold = OrchestratorProcess.Start([.. join, "--one"], null, ("ORCHESTRATOR_TOKEN", "a guess"));   // without asking first
        await coordinator.LineAsync("is refused: its token is not this run's");
        Assert.Equal(2, await bold.ExitCodeAsync());
        Assert.Contains("its token is not this run's", bold.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("the run begins", coordinator.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Stopped_workers_too_die_with_the_command_that_started_them()
    {
        using var run = new SmallRun(steps: 100000);
        await using var process = OrchestratorProcess.Start(run.Train("out", "--workers", "2"));
        await process.LineAsync("step 2/");
        var children = process.Children();
        Assert.Equal(2, children.Length);
        Assert.All(children, child => Assert.Equal(0, Signals.Send(child, Signals.Stop)));
        await process.KillAsync();
        await OrchestratorProcess.GoneAsync(children);
    }
}
