using System.Globalization;
using Orchestrator.Training.Data;
using Orchestrator.Training.Evaluation;
using Orchestrator.Training.Objectives;
using Orchestrator.Training.Quickstart;
using Spectre.Console;

namespace Orchestrator.Host.Quickstart;

/// <summary>Fresh reviews of the reference and of the policy, side by side.</summary>
/// <param name="Divergence">
/// KL(policy || reference) in nats a review: the mean over the policy's own reviews of log p(review) under the policy minus under the reference.
/// </param>
public sealed record Comparison(IReadOnlyList<ReviewSample> Reference, IReadOnlyList<ReviewSample> Policy, double Divergence)
{
    public static async Task<Comparison> MakeAsync(QuickstartFolder folder, IReadOnlyList<ReviewSample> reference, IReadOnlyList<ReviewSample> policy, CancellationToken stop)
    {
        Write(folder.Samples("reference"), reference);
        Write(folder.Samples("policy"), policy);
        var pairs = folder.Dpo.Pairs("samples");
        DataPreparation.Prepare(new DataOptions { CompletionsPerRow = 1, MaxLength = QuickstartModel.Positions }, [folder.Samples("policy")], null, null, pairs, stop);
        var (own, other) = (await LogProbsAsync(folder.Dpo.Model, pairs, stop), await LogProbsAsync(folder.Sft.Model, pairs, stop));
        return new Comparison(reference, policy, own.Zip(other, (p, r) => p - r).Average());
    }

    public void Show(IAnsiConsole console)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn("fresh reviews").AddColumn(new TableColumn("reference").RightAligned()).AddColumn(new TableColumn("policy").RightAligned());
        table.AddRow("ground-truth reward, -1 to 1", Text(Reference.Average(s => s.Reward)), Text(Policy.Average(s => s.Reward)));
        table.AddRow("friendly", Share(Reference), Share(Policy));
        table.AddRow("KL from the reference, nats a review", "0", Text(Divergence));
        console.Write(table);
        foreach (var index in new[] { 0, Policy.Count / 2 })
        {
            console.WriteLine(Policy[index].Prompt + " ...");
            console.WriteLine($"  reference: ...{Reference[index].Completion}");
            console.WriteLine($"  policy:    ...{Policy[index].Completion}");
        }
    }

    private static async Task<List<double>> LogProbsAsync(string model, string pairs, CancellationToken stop)
    {
        using var rows = EncodedPairs.Open(pairs);
        await using var scorer = await PairScorer.OpenAsync(new ScoreOptions { Model = model, Objective = new ObjectiveOptions { LossType = ["sft"] }, Threads = 1, RowsPerPass = 32 }, stop);
        var sums = new List<double>();
        await foreach (var row in scorer.ScoreAsync(rows, stop))
        {
            sums.Add(row.Chosen.PolicySum);
        }

        return sums;
    }

    private static void Write(string path, IEnumerable<ReviewSample> samples) => QuickstartFolder.WriteLines(
        path, samples.Select(s => new { prompt = s.Prompt, completion = s.Completion, reward = s.Reward, prompt_ids = s.PromptIds, completion_ids = s.Ids }));

    private static string Share(IReadOnlyList<ReviewSample> samples) =>
        (100.0 * samples.Count(sample => sample.Reward > 0) / samples.Count).ToString("0", CultureInfo.InvariantCulture) + " %";

    private static string Text(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);
}
