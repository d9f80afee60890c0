using System.Text.Json;
using Orchestrator.Host.Scoring;
using Orchestrator.Training.Evaluation;

namespace Orchestrator.Tests.Host.Scoring;

/// <summary>
/// Five pairs, worked by hand. Sure by 0.77 and right, sure by 0.77 and wrong, undecided, and twice sure by 0.92 and right; the first and the fourth
/// have the longer answer chosen, the second and the fifth the shorter.
/// </summary>
public sealed class BenchmarkTests
{
    private static readonly Benchmark Five = Of(
        (3, 2, Margin(0.77), "math"), (2, 3, -Margin(0.77), "math"), (2, 2, 0, "chat"), (3, 1, Margin(0.92), "chat"), (1, 3, Margin(0.92), null));

    [Fact]
    public void Accuracy_is_told_apart_by_category()
    {
        Assert.Equal(0.6, Five.All.Accuracy, 12);   // undecided is not right, as in training
        Assert.Equal(["(none) 1 1", "chat 2 0.5", "math 2 0.5"], Five.Categories.Select(c => FormattableString.Invariant($"{c.Key} {c.Value.Rows} {c.Value.Accuracy}")));
        Assert.Equal(2 / 3.0, Five.MeanOfCategories, 12);
    }

    [Fact]
    public void Accuracy_is_told_apart_by_which_answer_is_longer()
    {
        Assert.Equal((2, 1.0), (Five.ChosenLonger.Rows, Five.ChosenLonger.Accuracy));
        Assert.Equal((2, 0.5), (Five.ChosenShorter.Rows, Five.ChosenShorter.Accuracy));
        Assert.Equal((1, 0.0), (Five.SameLength.Rows, Five.SameLength.Accuracy));
    }

    // [0.50, 0.55): 1 row, half right of 0.5. [0.75, 0.80): 1 right of 1.54 expected. [0.90, 0.95): 2 right of 1.84. So (0 + 0.54 + 0.16) / 5 = 0.14.
    [Fact]
    public void Calibration_compares_how_sure_the_model_is_with_how_often_it_is_right()
    {
        Assert.Equal([(0.5, 1L, 0.5), (0.75, 2, 0.5), (0.9, 2, 1)], Five.Calibration.Select(bin => (Math.Round(bin.From, 2), bin.Rows, bin.Accuracy)));
        Assert.Equal(0.77, Five.Calibration[1].MeanConfidence, 12);
        Assert.Equal(0.14, Five.CalibrationError, 12);
        Assert.Equal(0, Of((1, 1, 1000, null)).CalibrationError, 12);   // as sure as can be, in the last bin
        Assert.Equal(1, Of((1, 1, -1000, null)).CalibrationError, 12);
    }

    [Fact]
    public void Json_and_markdown_say_the_same()
    {
        var json = JsonDocument.Parse(ScoreJson.Totals(Five, skipped: 4)).RootElement;
        Assert.Equal((5, 4, 0.6), (json.GetProperty("totals").GetProperty("pairs").GetInt32(), json.GetProperty("totals").GetProperty("skipped").GetInt32(), json.GetProperty("totals").GetProperty("rewards/accuracies").GetDouble()));
        Assert.Equal(0.5, json.GetProperty("categories").GetProperty("math").GetProperty("rewards/accuracies").GetDouble());
        Assert.Equal(0.4, json.GetProperty("length").GetProperty("chosen_longer_share").GetDouble());
        Assert.Equal(0.14, json.GetProperty("calibration").GetProperty("expected_error").GetDouble(), 12);
        Assert.Equal(0.75, json.GetProperty("calibration").GetProperty("bins")[1].GetProperty("from").GetDouble());
        var page = BenchmarkText.Markdown(Five, "A policy");
        Assert.StartsWith("# A policy\n", page, StringComparison.Ordinal);
        Assert.Contains("\n| all | 5 | 0.600 | 0.977 | 0.250 |\n", page, StringComparison.Ordinal);   // 2 ln(0.92 / 0.08) / 5
        Assert.Contains("\n| chosen shorter | 2 | 0.500 |", page, StringComparison.Ordinal);
        Assert.Contains("\n| 0.75 to 0.80 | 2 | 0.770 | 0.500 |\n", page, StringComparison.Ordinal);
        Assert.Contains("Expected calibration error: 0.140.", page, StringComparison.Ordinal);
        Assert.Equal("length: chosen is longer in 40 % of the pairs; accuracy 1.000 there, 0.500 where it is shorter, 0.000 where both are as long", BenchmarkText.Lines(Five).ElementAt(5));
    }

    [Fact]
    public void Without_categories_and_rewards_there_are_totals_alone()
    {
        var benchmark = new Benchmark();
        benchmark.Add(new PairScore(0, Answer(3), null, null, null, 2), null, categories: false);
        Assert.Equal(["totals"], JsonDocument.Parse(ScoreJson.Totals(benchmark, 0)).RootElement.EnumerateObject().Select(field => field.Name));
        Assert.Single(BenchmarkText.Lines(benchmark));
        Assert.Contains("| all | 1 | - | - | 0.667 |", BenchmarkText.Markdown(benchmark, "x"), StringComparison.Ordinal);   // 2 over 3 tokens
    }

    private static double Margin(double confidence) => Math.Log(confidence / (1 - confidence));

    private static Benchmark Of(params (int Chosen, int Rejected, double Margin, string? Category)[] pairs)
    {
        var benchmark = new Benchmark();
        foreach (var (chosen, rejected, margin, category) in pairs)
        {
            benchmark.Add(new PairScore(0, Answer(chosen), Answer(rejected), margin, 0, 0.25), category, categories: true);
        }

        return benchmark;
    }

    private static CompletionScore Answer(int tokens) => new([.. new float[tokens]], null);
}
