using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Cluster.Protocol;

/// <summary>Which checkpoint is best so far, and whether a better one is still to be expected.</summary>
internal static class Selections
{
    /// <summary>All sets have been evaluated at a step.</summary>
    /// <param name="value">Of the metric that checkpoints are compared by; null where the run compares none, or has none of that name.</param>
    public static void Take(CoordinatorTurn turn, long step, double? value)
    {
        var state = turn.State;
        if (turn.Rules.Selection is not { } rules || value is not { } number)
        {
            turn.State = state with { Seen = state.Seen with { Evaluated = step } };
            return;
        }

        var seen = state.Seen.With(step, number, rules);
        var why = seen.WhyStop(rules);
        turn.State = state with { Seen = seen, EndEarly = state.EndEarly ?? (why is null ? null : (RunEnd.Completed, why)) };
        if (seen.BestStep == step && step == turn.Rules.StartStep)
        {
            // The checkpoint that the run resumed from: workers that join still read it, so it is not written anew.
            turn.Publish(new BestCheckpoint(step, rules.Set, rules.Metric, number, turn.Rules.CheckpointOf(step)));
        }

        turn.Because($"{rules.Metric} of '{rules.Set}' is {number:R} after step {step}, the best is {seen.Best:R} after step {seen.BestStep}{(why is null ? "" : $": {why}")}");
    }

    /// <summary>The metric among a set's; the run ends where there is none of that name, which no later evaluation would mend.</summary>
    public static double? ValueOf(CoordinatorTurn turn, ImmutableArray<MetricSum> metrics)
    {
        var rules = turn.Rules.Selection!;
        if (metrics.FirstOrDefault(metric => metric.Name == rules.Metric) is { Name: not null } found)
        {
            return found.Value;
        }

        var why = $"Checkpoints are to be compared by {rules.Metric} of '{rules.Set}', and its metrics are {string.Join(", ", metrics.Select(metric => metric.Name))}. Name one of these.";
        turn.State = turn.State with { EndEarly = turn.State.EndEarly ?? (RunEnd.Failed, why) };
        return null;
    }

    /// <summary>The weights as they are were evaluated as the best so far: they must not be lost.</summary>
    public static bool IsBestNow(CoordinatorTurn turn) =>
        turn.Rules.Selection is not null && turn.State.Seen.BestStep == turn.State.Step && turn.State.Step > turn.Rules.StartStep;

    public static void Saved(CoordinatorTurn turn, Saving saving)
    {
        if (turn.Rules.Selection is { } rules && turn.State.Seen is { Best: { } best } seen && seen.BestStep == saving.Step)
        {
            turn.Publish(new BestCheckpoint(saving.Step, rules.Set, rules.Metric, best, saving.Directory));
        }
    }

    /// <summary>After a hand-over: what the workers' last deal says, unless it is of steps that this history has not reached.</summary>
    public static EvaluationHistory Newest(CoordinatorTurn turn, IEnumerable<string> workers, long step) => workers
        .Select(worker => turn.View(worker).Last?.Seen?.ToHistory()).OfType<EvaluationHistory>()
        .Append(turn.State.Seen).Append(turn.Rules.Seen)
        .Where(seen => seen.Evaluated <= step)
        .DefaultIfEmpty(EvaluationHistory.Empty)
        .MaxBy(seen => seen.Evaluated)!;
}
