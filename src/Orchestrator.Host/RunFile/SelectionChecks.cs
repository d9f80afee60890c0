using Orchestrator.Host.Metrics;
using Orchestrator.Host.Runs;

namespace Orchestrator.Host.RunFile;

/// <summary>Is there something that checkpoints can be compared by?</summary>
internal static class SelectionChecks
{
    public static IEnumerable<Problem> Of(Settings settings)
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

        if (settings.Of(OutputKeys.EvalEverySteps) == 0)
        {
            yield return At(settings, key, $"{key.Dotted} compares checkpoints while the run goes on, and output.eval_every_steps is 0. Write how often to evaluate.");
        }
    }

    private static Problem At(Settings settings, Key key, string message) => new(settings.PlaceOf(key), message);
}
