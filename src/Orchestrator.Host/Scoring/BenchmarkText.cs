using System.Globalization;
using System.Text;
using Orchestrator.Training.Evaluation;

namespace Orchestrator.Host.Scoring;

/// <summary>A benchmark for people: a few lines, or a Markdown page.</summary>
public static class BenchmarkText
{
    private static readonly CultureInfo Plain = CultureInfo.InvariantCulture;

    public static IEnumerable<string> Lines(Benchmark benchmark)
    {
        ArgumentNullException.ThrowIfNull(benchmark);
        yield return ScoreRun.Text(benchmark.All);
        foreach (var (name, totals) in benchmark.Categories)
        {
            yield return $"  {name}: {totals.Rows} pairs, accuracy {Number(totals.Accuracy)}";
        }

        if (benchmark.Categories.Count > 0)
        {
            yield return $"  mean of the categories: accuracy {Number(benchmark.MeanOfCategories)}";
        }

        if (benchmark.Calibration.Length > 0)
        {
            yield return $"length: chosen is longer in {Percent(benchmark.ChosenLonger.Rows, benchmark.All.WithRewards)} of the pairs; accuracy {Number(benchmark.ChosenLonger.Accuracy)} there, "
                + $"{Number(benchmark.ChosenShorter.Accuracy)} where it is shorter, {Number(benchmark.SameLength.Accuracy)} where both are as long";
            yield return $"calibration: expected error {Number(benchmark.CalibrationError)}";
        }
    }

    /// <param name="title">Of the page: what was scored, against what, on what.</param>
    public static string Markdown(Benchmark benchmark, string title)
    {
        ArgumentNullException.ThrowIfNull(benchmark);
        var page = new StringBuilder($"# {title}\n");
        Table(page, "pairs", [("all", benchmark.All), .. benchmark.Categories.Select(pair => (pair.Key, pair.Value))]);
        if (benchmark.Categories.Count > 0)
        {
            page.Append(Plain, $"\nMean of the categories' accuracies: {Number(benchmark.MeanOfCategories)}.\n");
        }

        if (benchmark.Calibration.Length > 0)
        {
            Table(page, "length, in tokens of the completions", [("chosen longer", benchmark.ChosenLonger), ("chosen shorter", benchmark.ChosenShorter), ("as long", benchmark.SameLength)]);
            Calibration(page, benchmark);
        }

        return page.ToString();
    }

    private static void Table(StringBuilder page, string what, IEnumerable<(string Name, ScoreTotals Totals)> rows)
    {
        page.Append(Plain, $"\n| {what} | number | accuracy | margin | loss |\n|---|--:|--:|--:|--:|\n");
        foreach (var (name, totals) in rows)
        {
            page.Append(Plain, $"| {Cell(name)} | {totals.Rows} | {Number(totals.Accuracy)} | {Number(totals.MeanMargin)} | {Number(totals.MeanLoss)} |\n");
        }
    }

    private static void Calibration(StringBuilder page, Benchmark benchmark)
    {
        page.Append("\n| confidence | number | mean confidence | accuracy |\n|---|--:|--:|--:|\n");
        foreach (var bin in benchmark.Calibration)
        {
            page.Append(Plain, $"| {bin.From:0.00} to {bin.To:0.00} | {bin.Rows} | {Number(bin.MeanConfidence)} | {Number(bin.Accuracy)} |\n");
        }

        page.Append(Plain, $"\nExpected calibration error: {Number(benchmark.CalibrationError)}. Confidence is max(p, 1 - p) of p = sigmoid(margin); a margin of 0 counts as half right.\n");
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ");

    private static string Number(double value) => double.IsFinite(value) ? value.ToString("0.000", Plain) : "-";

    private static string Percent(long part, long whole) => (100.0 * part / whole).ToString("0", Plain) + " %";
}
