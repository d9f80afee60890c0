using System.Text.Json;

namespace Orchestrator.ProcessTests;

public sealed class TrainTests
{
    [SkippableFact]
    public async Task Two_workers_train_a_model_that_prefers_the_chosen_answers_and_score_says_so()
    {
        using var run = new SmallRun(steps: 12);
        var output = await OrchestratorProcess.RunAsync(0, run.Train("out", "--workers", "2"));
        Assert.Contains($"SHA-256 of its weights: {run.WeightsSha256("out")}", output, StringComparison.Ordinal);
        var losses = run.Metrics("out").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("loss").GetDouble()).ToArray();
        Assert.Equal(12, losses.Length);
        Assert.Equal(Math.Log(2), losses[0], 1e-6);
        var score = await OrchestratorProcess.RunAsync(
            0, "score", "--model", Path.Combine(run.Out("out"), "model"), "--reference", run.Model, "--data", run.FirstRows(200), "--set", "max_length=96", "--json", "--out", run.Out("rows.jsonl"), "--device", "cpu");
        var totals = JsonDocument.Parse(score).RootElement.GetProperty("totals");
        Assert.True(totals.GetProperty("rewards/margins").GetDouble() > 0, score);
        Assert.True(totals.GetProperty("loss").GetDouble() < Math.Log(2), score);
    }

    [SkippableFact]
    public async Task Killed_half_way_and_resumed_with_another_number_of_workers_it_ends_in_the_same_bytes()
    {
        using var run = new SmallRun(steps: 40);
        int[] children;
        await using (var first = OrchestratorProcess.Start(run.Train("killed", "--workers", "2")))
        {
            await first.LineAsync("step-00000004");
            children = first.Children();
            await first.KillAsync();
        }

        Assert.Equal(2, children.Length);
        await OrchestratorProcess.GoneAsync(children);
        Assert.False(Directory.Exists(Path.Combine(run.Out("killed"), "model")));
        var resumed = await OrchestratorProcess.RunAsync(0, run.Train("killed", "--resume", "--workers", "3"));
        Assert.Matches(@"Going on after step (?!0\.)\d+\.", resumed);
        await OrchestratorProcess.RunAsync(0, run.Train("undisturbed", "--workers", "1"));
        Assert.Equal(run.WeightsSha256("undisturbed"), run.WeightsSha256("killed"));
        Assert.Equal(run.Metrics("undisturbed"), run.Metrics("killed"));
    }

    [SkippableFact]
    public async Task Stopped_politely_it_writes_a_checkpoint_and_says_how_to_go_on()
    {
        using var run = new SmallRun(steps: 100000);
        await using var process = OrchestratorProcess.Start(run.Train("out", "--workers", "2", "--set", "save_every_steps=0"));
        await process.LineAsync("step 3/");
        var children = process.Children();
        Assert.Equal(0, Signals.Send(process.Id, Signals.Terminate));
        Assert.Equal(3, await process.ExitCodeAsync());
        Assert.Contains("--resume", process.Output, StringComparison.Ordinal);
        Assert.Single(Directory.EnumerateDirectories(Path.Combine(run.Out("out"), "checkpoints")));
        await OrchestratorProcess.GoneAsync(children);
    }

    [SkippableFact]
    public async Task A_worker_that_is_killed_is_replaced_and_the_bytes_stay_the_same()
    {
        using var run = new SmallRun(steps: 30);
        await using var process = OrchestratorProcess.Start(run.Train("disturbed", "--workers", "2"));
        await process.LineAsync("step 3/");
        Assert.Equal(0, Signals.Send(process.Children()[0], Signals.Kill));
        await process.LineAsync("is started again");
        Assert.True(await process.ExitCodeAsync() == 0, process.Output);
        await OrchestratorProcess.RunAsync(0, run.Train("undisturbed", "--workers", "2"));
        Assert.Equal(run.WeightsSha256("undisturbed"), run.WeightsSha256("disturbed"));
        Assert.Equal(run.Metrics("undisturbed"), run.Metrics("disturbed"));
    }

    [SkippableFact]
    public async Task Every_problem_of_a_run_file_is_told_before_anything_starts()
    {
        using var run = new SmallRun(steps: 1);
        var output = await OrchestratorProcess.RunAsync(2, run.Train("out", "--set", "betta=1", "--set", "pairs_per_step=9", "--workers", "-1"));
        Assert.Equal(4, output.Split('\n').Length); // one of them has two lines
        Assert.False(Directory.Exists(run.Out("out")));
    }
}
