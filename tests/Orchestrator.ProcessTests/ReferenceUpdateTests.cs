namespace Orchestrator.ProcessTests;

/// <summary>A reference that moves is state like the weights: who joins takes it over, and who resumes finds it in the checkpoint.</summary>
public sealed class ReferenceUpdateTests
{
    [SkippableFact]
    public async Task Workers_that_are_killed_and_runs_that_are_resumed_end_in_the_same_bytes()
    {
        using var run = new SmallRun(steps: 16);
        string[] Moving(string name, params string[] more) =>
            run.Train(name, ["--set", "sync_ref_model=true", "--set", "ref_model_sync_steps=3", "--set", "ref_model_mixup_alpha=0.5", "--set", "learning_rate=1e-4", .. more]);
        var announced = await OrchestratorProcess.RunAsync(0, Moving("undisturbed", "--workers", "1"));
        Assert.Contains("a reference that takes 0.5 of the policy every 3 steps", announced, StringComparison.Ordinal);
        await using (var killed = OrchestratorProcess.Start(Moving("disturbed", "--workers", "2")))
        {
            await killed.LineAsync("step 4/");
            Assert.Equal(0, Signals.Send(killed.Children()[0], Signals.Kill));
            Assert.True(await killed.ExitCodeAsync() == 0, killed.Output);
        }

        Assert.Equal(run.WeightsSha256("undisturbed"), run.WeightsSha256("disturbed"));
        Assert.Equal(run.Metrics("undisturbed"), run.Metrics("disturbed"));
        foreach (var late in Directory.EnumerateDirectories(Path.Combine(run.Out("disturbed"), "checkpoints")).Order(StringComparer.Ordinal).Skip(1))
        {
            Directory.Delete(late, recursive: true);
        }

        Directory.Delete(Path.Combine(run.Out("disturbed"), "model"), recursive: true);
        await OrchestratorProcess.RunAsync(0, Moving("disturbed", "--resume", "--workers", "1"));
        Assert.Equal(run.WeightsSha256("undisturbed"), run.WeightsSha256("disturbed"));
        await OrchestratorProcess.RunAsync(0, run.Train("fixed", "--workers", "1", "--set", "learning_rate=1e-4"));
        Assert.NotEqual(run.WeightsSha256("fixed"), run.WeightsSha256("undisturbed"));
    }
}
