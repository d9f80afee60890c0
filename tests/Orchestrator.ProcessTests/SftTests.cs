using System.Text.Json;

namespace Orchestrator.ProcessTests;

/// <summary>From a model that knows nothing of the data to a reference, and on to a policy: the paper's two runs with one run file.</summary>
public sealed class SftTests
{
    [SkippableFact]
    public async Task A_model_is_fitted_to_the_chosen_answers_and_is_then_policy_and_reference_of_a_run_on_the_pairs()
    {
        using var run = new SmallRun(steps: 8);
        string[] Sft(string name, params string[] more) => ["sft", run.RunFile, "--output", run.Out(name), "--set", "beta=0.3", "--set", "learning_rate=1e-3", .. more];
        var output = await OrchestratorProcess.RunAsync(0, Sft("fitted", "--workers", "2"));
        Assert.Contains($"--set path={Path.Combine(run.Out("fitted"), "model")}", output, StringComparison.Ordinal);
        var losses = Losses(run, "fitted");
        Assert.True(losses[^1] < losses[0], string.Join(", ", losses));

        // Interrupted after step 4, as far as its checkpoints tell, and gone on with by one worker.
        foreach (var late in Directory.EnumerateDirectories(Path.Combine(run.Out("fitted"), "checkpoints")).Order(StringComparer.Ordinal).Skip(1))
        {
            Directory.Delete(late, recursive: true);
        }

        var hash = run.WeightsSha256("fitted");
        await OrchestratorProcess.RunAsync(0, Sft("fitted", "--resume", "--workers", "1"));
        Assert.Equal(hash, run.WeightsSha256("fitted"));
        Assert.Equal(losses, Losses(run, "fitted"));

        await OrchestratorProcess.RunAsync(0, run.Train("tuned", "--workers", "1", "--set", $"path={Path.Combine(run.Out("fitted"), "model")}"));
        var tuned = Losses(run, "tuned");
        Assert.Equal(Math.Log(2), tuned[0], 1e-6);
        Assert.NotEqual(Math.Log(2), tuned[^1], 1e-6);
    }

    [SkippableFact]
    public async Task Conversations_and_rows_of_prompt_and_completion_are_learnt_beside_another_run_s_folder()
    {
        using var run = new SmallRun(steps: 2);
        File.WriteAllLines(run.Out("rows.jsonl"),
        [
            """{"messages": [{"role": "user", "content": "Who is there?"}, {"role": "assistant", "content": "Nobody but the rain."}]}""",
            """{"prompt": "Once upon a time", "completion": " there was a cat."}""",
            """{"messages": [{"role": "user", "content": "nobody answers"}]}""",
        ]);
        var output = await OrchestratorProcess.RunAsync(
            0, "sft", run.RunFile, "--workers", "1", "--set", $"train={run.Out("rows.jsonl")}", "--set", "chat_template=transcript", "--output", run.Out("out"));
        Assert.Contains("2 of 3 rows kept (completion 1, messages 1)", output, StringComparison.Ordinal);
        Assert.Contains("does not end with a turn of the assistant", output, StringComparison.Ordinal);
        Assert.Equal(2, Losses(run, "out").Length);
    }

    [SkippableFact]
    public async Task An_adapter_is_fitted_and_says_how_a_run_on_the_pairs_goes_on_with_it()
    {
        using var run = new SmallRun(steps: 2);
        string[] more = ["--workers", "1", "--set", "lora_r=4"];
        var output = await OrchestratorProcess.RunAsync(0, ["sft", run.RunFile, "--output", run.Out("fitted"), .. more]);
        Assert.Contains($"--set adapter={Path.Combine(run.Out("fitted"), "model")}", output, StringComparison.Ordinal);
        await OrchestratorProcess.RunAsync(0, run.Train("tuned", "--workers", "1", "--set", $"adapter={Path.Combine(run.Out("fitted"), "model")}"));
        Assert.Equal(Math.Log(2), Losses(run, "tuned")[0], 1e-6);
    }

    private static double[] Losses(SmallRun run, string name) =>
        [.. run.Metrics(name).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("loss").GetDouble())];
}
