using Orchestrator.Cluster;
using Orchestrator.Host.Runs;

namespace Orchestrator.Tests.Host.Runs;

public sealed class ControlNodeTests
{
    private static readonly SelectionRules Rules = new("held", "loss", GreaterIsBetter: false) { Patience = 2 };

    // Losses 0.6, 0.7, 0.8 after steps 5, 10 and 15: the second in a row without gain ends the run, which writes the checkpoint of step 15.
    private static readonly EvaluationHistory Stopped = EvaluationHistory.Empty.With(5, 0.6, Rules).With(10, 0.7, Rules).With(15, 0.8, Rules);

    [Fact]
    public void A_run_is_over_after_its_last_step_or_once_it_stopped_early_and_has_saved_that()
    {
        Assert.Equal("All 100 steps are done.", ControlNode.WhyOver(100, 100, EvaluationHistory.Empty, null));
        Assert.Null(ControlNode.WhyOver(99, 100, EvaluationHistory.Empty, null));
        Assert.StartsWith("Early stopping: 2 evaluations in a row", ControlNode.WhyOver(15, 100, Stopped, Rules), StringComparison.Ordinal);
        Assert.EndsWith("15 of 100 steps are done.", ControlNode.WhyOver(15, 100, Stopped, Rules), StringComparison.Ordinal);
        Assert.Null(ControlNode.WhyOver(10, 100, Stopped, Rules));   // evaluated, not yet saved: whoever takes over does both again
        Assert.Null(ControlNode.WhyOver(15, 100, EvaluationHistory.Empty.With(5, 0.6, Rules).With(10, 0.7, Rules), Rules));
    }
}
