namespace Orchestrator.Cluster;

/// <summary>By which number of which evaluation set the checkpoints of a run are compared, and when no better one is to be expected.</summary>
/// <param name="Set">Name of the evaluation set.</param>
/// <param name="Metric">As the set's metrics name it, without a prefix: loss, rewards/accuracies.</param>
/// <param name="Patience">The run ends after so many evaluations in a row without gain; null: it never ends early.</param>
/// <param name="Threshold">A gain is a change for the better by more than this.</param>
public sealed record SelectionRules(string Set, string Metric, bool GreaterIsBetter, int? Patience = null, double Threshold = 0);

/// <summary>
/// What the evaluations of a run have shown so far: a function of the evaluations alone, whoever made them. Evaluating before the first step
/// leaves no trace in it, as there is no checkpoint of step 0.
/// </summary>
/// <param name="Evaluated">Steps committed when all sets were last evaluated; -1: never.</param>
/// <param name="BestStep">Steps committed at the best evaluation; -1: none yet.</param>
/// <param name="Best">Its value; null where there is none.</param>
/// <param name="WithoutGain">Evaluations since the last one that gained by more than the threshold.</param>
public sealed record EvaluationHistory(long Evaluated = -1, long BestStep = -1, double? Best = null, int WithoutGain = 0)
{
    public static EvaluationHistory Empty { get; } = new();

    /// <summary>
    /// The rules of transformers: EarlyStoppingCallback compares with the best value before this evaluation, by more than the threshold; the best
    /// value itself follows any change for the better. NaN is never better.
    /// </summary>
    public EvaluationHistory With(long step, double value, SelectionRules rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        if (step == 0)
        {
            return this with { Evaluated = 0 };
        }

        var better = Best is { } best ? (rules.GreaterIsBetter ? value > best : value < best) : !double.IsNaN(value);
        var gains = Best is not { } before || (better && Math.Abs(value - before) > rules.Threshold);
        return new EvaluationHistory(step, better ? step : BestStep, better ? value : Best, gains ? 0 : WithoutGain + 1);
    }

    /// <summary>Why the run is to end; null where it goes on.</summary>
    public string? WhyStop(SelectionRules? rules) => rules is { Patience: { } patience } && WithoutGain >= patience
        ? $"Early stopping: {WithoutGain} evaluation{(WithoutGain == 1 ? "" : "s")} in a row did not better {rules.Metric} of '{rules.Set}' by more than {rules.Threshold.ToString("0.######", System.Globalization.CultureInfo.InvariantCulture)}; "
            + (Best is { } best ? $"the best was {best.ToString("0.######", System.Globalization.CultureInfo.InvariantCulture)} after step {BestStep}." : "it never was a number.")
        : null;
}
