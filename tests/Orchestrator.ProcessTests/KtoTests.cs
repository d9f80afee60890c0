using System.Text.Json;

namespace Orchestrator.ProcessTests;

/// <summary>kto by the same command on the same cluster.</summary>
public sealed class KtoTests
{
    [SkippableFact]
    public async Task Pairs_and_labelled_rows_are_learnt_as_single_answers_with_the_same_bytes_on_one_worker_and_two()
    {
        using var run = new SmallRun(steps: 6);
        File.WriteAllText(run.Out("rows.jsonl"), """{"prompt": "Once upon a time", "completion": " there was a cat.", "label": true}""" + "\n");
        string[] Kto(string name, string workers) =>
            run.Train(name, "--workers", workers, "--set", "loss_type=kto", "--set", $"train=[{run.Data}, {run.Out("rows.jsonl")}]", "--set", "undesirable_weight=0.8");
        var output = await OrchestratorProcess.RunAsync(0, Kto("two", "2"));
        var answers = System.Text.RegularExpressions.Regex.Match(output, @"answers: (\d+) desirable, (\d+) undesirable").Groups;
        Assert.Equal(int.Parse(answers[2].Value) + 1, int.Parse(answers[1].Value));
        var first = JsonDocument.Parse(run.Metrics("two").Split('\n')[0]).RootElement;
        Assert.InRange(first.GetProperty("loss").GetDouble(), 0.4, 0.5);
        Assert.Equal(0, first.GetProperty("kl").GetDouble());
        await OrchestratorProcess.RunAsync(0, Kto("one", "1"));
        Assert.Equal(run.WeightsSha256("one"), run.WeightsSha256("two"));
        Assert.Equal(run.Metrics("one"), run.Metrics("two"));
        var refused = await OrchestratorProcess.RunAsync(2, "score", "--model", run.Model, "--reference", run.Model, "--data", run.FirstRows(4), "--loss", "kto", "--device", "cpu");
        Assert.Contains("Score pairs with the loss sigmoid", refused, StringComparison.Ordinal);
    }
}
