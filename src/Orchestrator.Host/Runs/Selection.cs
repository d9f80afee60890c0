using Orchestrator.Cluster;
using Orchestrator.Host.Metrics;
using Orchestrator.Host.RunFile;

namespace Orchestrator.Host.Runs;

/// <summary>What the run file says of the best checkpoint.</summary>
public static class Selection
{
    private const string Prefix = "eval_";

    /// <summary>null: nobody asks which checkpoint is best, or there is nothing to evaluate.</summary>
    public static SelectionRules? Of(Settings settings)
    {
        if (!IsWanted(settings) || Resolve(NameOf(settings), SetsOf(settings)) is not { } found)
        {
            return null;
        }

        return new SelectionRules(
            found.Set,
            found.Metric,
            settings.Of(SelectionKeys.GreaterIsBetter) ?? !NameOf(settings).EndsWith("loss", StringComparison.Ordinal),
            settings.Of(SelectionKeys.Patience),
            settings.Of(SelectionKeys.Threshold));
    }

    /// <summary>Names of the evaluation sets that the run will have.</summary>
    public static IReadOnlyList<string> SetsOf(Settings settings) =>
        [.. settings.Of(DataKeys.TestSplitSize) is null ? Array.Empty<string>() : [PreparedData.HeldOut], .. settings.Of(DataKeys.Eval).Select(set => set.Name)];

    /// <summary>The first key that asks; null where none does.</summary>
    public static Key? AskedBy(Settings settings) =>
        settings.Of(SelectionKeys.Metric) is not null ? SelectionKeys.Metric
        : settings.Of(SelectionKeys.LoadBest) ? SelectionKeys.LoadBest
        : settings.Of(SelectionKeys.Patience) is not null ? SelectionKeys.Patience
        : null;

    public static string NameOf(Settings settings) => settings.Of(SelectionKeys.Metric) ?? MetricNames.Loss;

    /// <summary>"eval_helpful_loss" and "helpful_loss" are loss of the set helpful, "eval_loss" and "loss" that of the set eval; of two sets that fit, the longer name.</summary>
    public static (string Set, string Metric)? Resolve(string name, IEnumerable<string> sets)
    {
        var bare = name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : name;
        return sets.OrderByDescending(set => set.Length)
            .Select(set => (Set: set, Own: MetricNames.Prefix(set)[Prefix.Length..]))
            .Where(set => bare.Length > set.Own.Length && bare.StartsWith(set.Own, StringComparison.Ordinal))
            .OrderByDescending(set => set.Own.Length)
            .Select(set => ((string, string)?)(set.Set, bare[set.Own.Length..]))
            .FirstOrDefault();
    }

    private static bool IsWanted(Settings settings) => AskedBy(settings) is not null;
}
