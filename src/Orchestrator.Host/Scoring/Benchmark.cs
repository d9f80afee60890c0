using System.Collections.Immutable;
using Orchestrator.Training.Evaluation;

namespace Orchestrator.Host.Scoring;

/// <summary>Rows whose model was about as sure of its preference.</summary>
/// <param name="From">Confidence max(p, 1 - p) with p = sigmoid(margin), at least this.</param>
/// <param name="To">And below this; the last bin includes it.</param>
/// <param name="Confidence">Sum over the rows.</param>
/// <param name="Right">Rows whose chosen answer is preferred; a row with margin 0 prefers neither, and is half right.</param>
public sealed record CalibrationBin(double From, double To, long Rows, double Confidence, double Right)
{
    public double Accuracy => Right / Rows;

    public double MeanConfidence => Confidence / Rows;
}

/// <summary>
/// What scored pairs show together: accuracy by category, whether longer answers are preferred for being longer, and whether the model is as often
/// right as it is sure (p = sigmoid(β times the difference of log-ratios), which the sigmoid loss fits).
/// </summary>
public sealed class Benchmark
{
    /// <summary>Rows without a category.</summary>
    public const string NoCategory = "(none)";

    private const int Bins = 10;
    private readonly SortedDictionary<string, ScoreTotals> _categories = new(StringComparer.Ordinal);
    private readonly CalibrationBin[] _bins = [.. Enumerable.Range(0, Bins).Select(bin => new CalibrationBin(0.5 + bin * 0.05, 0.55 + bin * 0.05, 0, 0, 0))];

    public ScoreTotals All { get; private set; } = ScoreTotals.Nothing;

    /// <summary>Pairs whose chosen answer has more tokens than the rejected one, fewer, as many.</summary>
    public ScoreTotals ChosenLonger { get; private set; } = ScoreTotals.Nothing;

    public ScoreTotals ChosenShorter { get; private set; } = ScoreTotals.Nothing;

    public ScoreTotals SameLength { get; private set; } = ScoreTotals.Nothing;

    /// <summary>By name; empty where no row has a category.</summary>
    public IReadOnlyDictionary<string, ScoreTotals> Categories => _categories;

    /// <summary>Bins that hold rows.</summary>
    public ImmutableArray<CalibrationBin> Calibration => [.. _bins.Where(bin => bin.Rows > 0)];

    /// <summary>Expected calibration error: mean over the rows of |accuracy - mean confidence| of their bin (Guo et al. 2017, arXiv:1706.04599, Eq. 3). NaN without rewards.</summary>
    public double CalibrationError => Calibration.Sum(bin => Math.Abs(bin.Right - bin.Confidence)) / Calibration.Sum(bin => bin.Rows);

    /// <summary>Mean of the categories' accuracies, each counted once.</summary>
    public double MeanOfCategories => _categories.Values.Average(totals => totals.Accuracy);

    /// <param name="category">null: the row has none.</param>
    /// <param name="categories">True where rows have categories at all.</param>
    public void Add(PairScore score, string? category, bool categories)
    {
        ArgumentNullException.ThrowIfNull(score);
        All = All.Add(score);
        if (categories)
        {
            var name = category ?? NoCategory;
            _categories[name] = _categories.GetValueOrDefault(name, ScoreTotals.Nothing).Add(score);
        }

        if (score is { Rejected: { } rejected, Margin: { } margin })
        {
            AddLength(score, score.Chosen.Policy.Length.CompareTo(rejected.Policy.Length));
            AddMargin(margin);
        }
    }

    private void AddLength(PairScore score, int longer)
    {
        if (longer > 0)
        {
            ChosenLonger = ChosenLonger.Add(score);
        }
        else if (longer < 0)
        {
            ChosenShorter = ChosenShorter.Add(score);
        }
        else
        {
            SameLength = SameLength.Add(score);
        }
    }

    private void AddMargin(double margin)
    {
        var confidence = 1 / (1 + Math.Exp(-Math.Abs(margin)));
        var at = Math.Min(Bins - 1, (int)((confidence - 0.5) * 2 * Bins));
        var bin = _bins[at];
        _bins[at] = bin with { Rows = bin.Rows + 1, Confidence = bin.Confidence + confidence, Right = bin.Right + (margin > 0 ? 1 : margin == 0 ? 0.5 : 0) };
    }
}
