using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Host.Metrics;

/// <summary>The metrics that the program itself looks at, by TRL's names.</summary>
public static class MetricNames
{
    public const string Loss = "loss";
    public const string Accuracy = "rewards/accuracies";
    public const string Margin = "rewards/margins";
    public const string TokenAccuracy = "mean_token_accuracy";
    public const string Tokens = "num_tokens";

    /// <summary>"eval_" for the set called eval, "eval_NAME_" for others.</summary>
    public static string Prefix(string set) => set == "eval" ? "eval_" : $"eval_{set}_";

    /// <summary>The value, or null where the metric is not there.</summary>
    public static double? ValueOf(this ImmutableArray<MetricSum> metrics, string name) =>
        metrics.FirstOrDefault(metric => metric.Name == name) is { Name: not null } found ? found.Value : null;
}
