using Orchestrator.Cluster;

namespace Orchestrator.Tests.Cluster;

/// <summary>Values worked by hand, after transformers' EarlyStoppingCallback and Trainer.</summary>
public sealed class EvaluationHistoryTests
{
    private static readonly SelectionRules Loss = new("eval", "loss", GreaterIsBetter: false, Patience: 2);

    [Fact]
    public void The_best_is_the_lowest_loss_and_patience_counts_evaluations_without_gain()
    {
        var seen = After(Loss, (0, 0.1), (10, 0.7), (20, 0.5), (30, 0.6));
        Assert.Equal(new EvaluationHistory(30, 20, 0.5, 1), seen);   // step 0 has no checkpoint, and does not count
        Assert.Null(seen.WhyStop(Loss));
        seen = seen.With(40, 0.5, Loss);   // equal is no gain
        Assert.Equal(new EvaluationHistory(40, 20, 0.5, 2), seen);
        Assert.Equal("Early stopping: 2 evaluations in a row did not better loss of 'eval' by more than 0; the best was 0.5 after step 20.", seen.WhyStop(Loss));
        Assert.Null(seen.WhyStop(Loss with { Patience = null }));
        Assert.Equal(new EvaluationHistory(50, 50, 0.4, 0), seen.With(50, 0.4, Loss));
    }

    [Fact]
    public void A_change_below_the_threshold_is_the_new_best_and_still_no_gain()
    {
        var rules = Loss with { Threshold = 0.1 };
        Assert.Equal(new EvaluationHistory(3, 3, 0.84, 2), After(rules, (1, 1.0), (2, 0.92), (3, 0.84)));   // 0.08 each time, against the best before
        Assert.Equal(new EvaluationHistory(2, 2, 0.89, 0), After(rules, (1, 1.0), (2, 0.89)));
    }

    [Fact]
    public void Where_greater_is_better_the_highest_is_the_best()
    {
        var rules = new SelectionRules("eval", "rewards/accuracies", GreaterIsBetter: true, Patience: 1);
        Assert.Equal(new EvaluationHistory(3, 2, 0.75, 1), After(rules, (1, 0.5), (2, 0.75), (3, 0.7)));
    }

    [Fact]
    public void What_is_not_a_number_is_never_better()
    {
        Assert.Equal(new EvaluationHistory(2, 1, 0.5, 1), After(Loss, (1, 0.5), (2, double.NaN)));
        Assert.Equal(new EvaluationHistory(2, 2, 0.5, 0), After(Loss, (1, double.NaN), (2, 0.5)));
    }

    private static EvaluationHistory After(SelectionRules rules, params (long Step, double Value)[] evaluations) =>
        evaluations.Aggregate(EvaluationHistory.Empty, (seen, evaluation) => seen.With(evaluation.Step, evaluation.Value, rules));
}
