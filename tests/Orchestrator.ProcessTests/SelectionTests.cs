using System.Text.Json;

namespace Orchestrator.ProcessTests;

public sealed class SelectionTests
{
    [SkippableFact]
    public async Task A_run_with_two_sets_stops_early_leaves_its_best_model_and_does_the_same_when_killed_on_the_way()
    {
        using var run = new SmallRun(steps: 100);
        File.WriteAllLines(run.Out("few.jsonl"), File.ReadLines(run.Data).Skip(100).Take(40));
        string[] Train(string name, params string[] more) => run.Train(name,
        [
            "--set", $"eval_dataset={{helpful: {run.FirstRows(16)}, harmless: {run.FirstRows(24)}}}", "--set", "eval_steps=2", "--set", "keep_last=1",
            "--set", $"train=[{{path: {run.Out("few.jsonl")}, weight: 1}}, {{path: {run.Data}, weight: 3}}]", "--set", "metric_for_best_model=eval_helpful_loss", "--set", "greater_is_better=true", "--set", "load_best_model_at_end=true", "--set", "early_stopping_patience=2",
            "--set", "eval_samples=2", "--set", "eval_sample_tokens=8", "--set", "logging_steps=4", "--set", "report_to=tensorboard", .. more,
        ]);
        var output = await OrchestratorProcess.RunAsync(0, Train("undisturbed", "--workers", "2"));   // the loss falls: by this rule the first evaluation is the best
        Assert.Contains("Early stopping: 2 evaluations in a row", output, StringComparison.Ordinal);
        Assert.Contains("The model is the best checkpoint's, of step 2: eval_helpful_loss 0.", output, StringComparison.Ordinal);
        Assert.Equal(["step-00000002", "step-00000006"], Checkpoints("undisturbed"));
        var best = Path.Combine(run.Out("undisturbed"), "checkpoints", "step-00000002", "model.safetensors");
        Assert.Equal(File.ReadAllBytes(best), File.ReadAllBytes(Path.Combine(run.Out("undisturbed"), "model", "model.safetensors")));
        var record = JsonDocument.Parse(File.ReadAllText(Path.Combine(run.Out("undisturbed"), "best_checkpoint.json"))).RootElement;
        Assert.Equal(("eval_helpful_loss", 2, "checkpoints/step-00000002"), (record.GetProperty("metric").GetString(), record.GetProperty("step").GetInt32(), record.GetProperty("checkpoint").GetString()));
        Assert.Equal(8, run.Metrics("undisturbed").Split("_rewards/accuracies").Length - 1);   // two sets after 0, 2, 4 and 6 steps
        Assert.Contains("\"eval_harmless_rewards/accuracies\":", run.Metrics("undisturbed"), StringComparison.Ordinal);

        await using (var killed = OrchestratorProcess.Start(Train("killed", "--workers", "2")))
        {
            await killed.LineAsync("step-00000004");
            await killed.KillAsync();
        }

        var resumed = await OrchestratorProcess.RunAsync(0, Train("killed", "--resume", "--workers", "1"));
        Assert.Contains("Early stopping: 2 evaluations in a row", resumed, StringComparison.Ordinal);
        Assert.Equal(run.Metrics("undisturbed"), run.Metrics("killed"));
        Assert.Equal(run.WeightsSha256("undisturbed"), run.WeightsSha256("killed"));
        Assert.Equal(["step-00000002", "step-00000006"], Checkpoints("killed"));
        Assert.Equal(Samples("undisturbed"), Samples("killed"));
        Assert.Equal(16, Samples("killed").Length);   // two of each set, four times
        var first = JsonDocument.Parse(Samples("killed")[0]).RootElement;
        Assert.Equal(first.GetProperty("reference").GetString(), first.GetProperty("policy").GetString());   // before the first step they are one
        Assert.NotEqual("", first.GetProperty("policy").GetString());
        Assert.Equal(2, Directory.GetFiles(Path.Combine(run.Out("killed"), "tensorboard")).Length);

        string[] Samples(string name) => File.ReadAllLines(Path.Combine(run.Out(name), "samples.jsonl"));

        IEnumerable<string> Checkpoints(string name) =>
            Directory.EnumerateDirectories(Path.Combine(run.Out(name), "checkpoints")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal);
    }
}
