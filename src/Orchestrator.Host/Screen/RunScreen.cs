using System.Globalization;
using Orchestrator.Cluster;
using Orchestrator.Host.Metrics;

namespace Orchestrator.Host.Screen;

/// <summary>What a person sees of a run while it goes on: a line that follows the steps, and above it what is worth keeping.</summary>
public sealed class RunScreen(ProgressLine line, int loggingSteps) : IRunObserver
{
    // Weight of the newest step in the smoothed rate.
    private const double Newest = 0.1;
    private readonly MetricsWindow _window = new();
    private double? _rate;

    public void On(RunEvent happened)
    {
        switch (happened)
        {
            case StepCommitted step:
                Show(step);
                break;
            case PhaseChanged { Phase: RunPhase.Training }:
                break;
            case PhaseChanged phase:
                line.Show($"{phase.Phase.ToString().ToLowerInvariant()}: {phase.Detail}", worthALine: phase.Phase == RunPhase.Gathering);
                break;
            default:
                if (Text(happened) is { } text)
                {
                    line.Write(text);
                }

                break;
        }
    }

    private static string? Text(RunEvent happened) => happened switch
    {
        Listening listening => $"Coordinator at {listening.Control}.",
        Evaluated evaluated => StepText.Of(evaluated),
        ReferencePassed passed => $"Reference: {passed.Rows} rows in {passed.Seconds:0.0} s.",
        BestCheckpoint best => $"The best so far: {MetricNames.Prefix(best.Set)}{best.Metric} {best.Value.ToString("0.######", CultureInfo.InvariantCulture)} after step {best.Step}",
        CheckpointWritten written => $"Checkpoint of step {written.Step}: {written.Directory} ({written.Seconds:0.0} s)",
        CheckpointFailed failed => $"WARNING: no checkpoint of step {failed.Step}: {failed.Reason} The last good one stays; the run goes on.",
        MembershipChanged changed => $"{changed.What} ({changed.Seconds:0.0} s, {changed.RecomputedLeaves} leaves anew). In now: {string.Join(", ", changed.Members)}.",
        DealChanged deal => $"From step {deal.Step} leaves are dealt {string.Join(" : ", deal.Leaves)}: {deal.Why}",
        Warning warning => $"WARNING: {warning.Message}",
        _ => null,
    };

    private void Show(StepCommitted step)
    {
        _rate = _rate is { } rate ? rate + Newest * (step.PairsPerSecond - rate) : step.PairsPerSecond;
        TimeSpan? left = _rate > 0 ? TimeSpan.FromSeconds((step.Steps - step.Step) * step.Pairs / _rate.Value) : null;
        _window.Add(step.Metrics);
        var logged = step.Step % loggingSteps == 0 || step.Step == step.Steps;
        line.Show(StepText.Of(logged ? step with { Metrics = _window.Close() } : step, _rate.Value, left), worthALine: logged);
    }
}
