using Orchestrator.Core;
using Orchestrator.Host.Metrics;
using Orchestrator.Host.Runs;

namespace Orchestrator.Host.RunFile;

/// <summary>Is there something that checkpoints can be compared by?</summary>
internal static class SelectionChecks
{
    /// <param name="found">Problems so far: where there are any, what follows from them is not told as well.</param>
    public static IEnumerable<Problem> Of(Settings settings, IReadOnlyCollection<Problem> found)
    {
        if (Selection.AskedBy(settings) is not { } key)
        {
            yield break;
        }

        var sets = Selection.SetsOf(settings);
        if (sets.Count == 0)
        {
            yield return At(settings, key, $"{key.Dotted} compares checkpoints by an evaluation, and there are no held-out pairs. Write data.eval, or data.test_split_size.");
        }
        else if (Selection.Resolve(Selection.NameOf(settings), sets) is null)
        {
            var names = sets.Select(set => MetricNames.Prefix(set) + MetricNames.Loss);
            yield return At(settings, key, $"{SelectionKeys.Metric.Dotted} is {Selection.NameOf(settings)}, which is of none of the evaluation sets {string.Join(", ", sets)}. Write their name before it: {string.Join(" or ", names)}.");
        }
        else if (found.Count == 0 && Unknown(settings, sets) is { } unknown)
        {
            yield return At(settings, key, unknown);
        }

        if (settings.Of(OutputKeys.EvalEverySteps) == 0)
        {
            yield return At(settings, key, $"{key.Dotted} compares checkpoints while the run goes on, and output.eval_every_steps is 0. Write how often to evaluate.");
        }
    }

    private static string? Unknown(Settings settings, IReadOnlyList<string> sets)
    {
        var (set, metric) = Selection.Resolve(Selection.NameOf(settings), sets)!.Value;
        var known = Mapping.Needs(settings).Metrics;
        var near = EditDistance.Nearest(metric, known);
        return known.Contains(metric) ? null
            : $"{SelectionKeys.Metric.Dotted} is {Selection.NameOf(settings)}, and evaluating {set} with this loss_type gives no {metric}, but {string.Join(", ", known)}.{(near is null ? "" : $" Did you mean {MetricNames.Prefix(set)}{near}?")}";
    }

    private static Problem At(Settings settings, Key key, string message) => new(settings.PlaceOf(key), message);
}
