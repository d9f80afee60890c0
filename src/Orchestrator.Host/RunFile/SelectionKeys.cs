using System.Collections.Immutable;

namespace Orchestrator.Host.RunFile;

/// <summary>Section "output", second part: which checkpoint is best, when to stop early (names and rules are transformers'), and what evaluations let the models write.</summary>
public static class SelectionKeys
{
    private const string Section = "output";

    public static readonly Key<string?> Metric = new(Section, "metric_for_best_model", Kinds.Text("a metric of an evaluation set, as loss or eval_NAME_rewards/accuracies").OrNull("loss where one is needed"), null,
        "The checkpoint with the best value of it, among those after an evaluation, is never deleted.")
    {
        ChangesResult = false,
    };

    public static readonly Key<bool?> GreaterIsBetter = new(Section, "greater_is_better", Kinds.Flag.OrNull("true unless the metric's name ends in loss"), null,
        "Whether a higher value of metric_for_best_model is better.")
    {
        ChangesResult = false,
    };

    public static readonly Key<bool> LoadBest = new(Section, "load_best_model_at_end", Kinds.Flag, false, "The model that the run leaves is the best checkpoint's, not the last one's.")
    {
        ChangesResult = false,
    };

    public static readonly Key<int?> Patience = new(Section, "early_stopping_patience", Kinds.Whole(1).OrNull("never"), null,
        "The run ends after so many evaluations in a row that did not better metric_for_best_model.")
    {
        ChangesResult = false,
    };

    public static readonly Key<double> Threshold = new(Section, "early_stopping_threshold", Kinds.Number(least: 0), 0, "What counts as better: a change by more than this.")
    {
        ChangesResult = false,
    };

    public static readonly Key<int> Samples = new(Section, "eval_samples", Kinds.Whole(0, 10000), 0,
        "At each evaluation policy and reference answer the first so many prompts of each set, to samples.jsonl.")
    {
        ChangesResult = false,
    };

    public static readonly Key<int> SampleTokens = new(Section, "eval_sample_tokens", Kinds.Whole(1, 1 << 20), 64, "Tokens of such an answer, at most.")
    {
        ChangesResult = false,
    };

    public static readonly Key<double> SampleTemperature = new(Section, "eval_sample_temperature", Kinds.Number(least: 0, most: 100), 0,
        "0: the most likely token each time; above, tokens are drawn by the seed.")
    {
        ChangesResult = false,
    };

    public static ImmutableArray<Key> All { get; } = [Metric, GreaterIsBetter, LoadBest, Patience, Threshold, Samples, SampleTokens, SampleTemperature];
}
