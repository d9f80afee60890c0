using System.Collections.Immutable;
using Orchestrator.Cluster;
using Orchestrator.Core;

namespace Orchestrator.Host.Metrics;

/// <summary>One entry of a run's metrics: of the steps since the last one, or of an evaluation.</summary>
/// <param name="Step">Steps committed.</param>
/// <param name="Prefix">Before each metric's name: "" or an evaluation set's.</param>
public sealed record MetricsEntry(long Step, string Prefix, DateTimeOffset Time, ImmutableArray<MetricSum> Metrics);

/// <summary>A file that keeps a run's metrics.</summary>
public interface IMetricsWriter : IDisposable
{
    void Write(MetricsEntry entry);
}

/// <summary>
/// Makes of a run's events the entries that are logged: every so many steps the mean since the last entry, and each evaluation. num_tokens counts
/// from the run's beginning.
/// </summary>
/// <param name="every">Steps between two entries; the last step always has one.</param>
/// <param name="tokens">num_tokens so far, on a resume.</param>
/// <param name="window">What was not yet logged, on a resume.</param>
public sealed class MetricsLog(IMetricsWriter writer, int every, double tokens = 0, MetricsWindow? window = null) : IRunObserver, IDisposable
{
    private readonly MetricsWindow _window = window ?? new MetricsWindow();
    private readonly HashSet<(long Step, string Set)> _evaluated = [];
    private double _tokens = tokens;

    public void On(RunEvent happened)
    {
        switch (happened)
        {
            case StepCommitted step:
                _tokens += step.Metrics.FirstOrDefault(metric => metric.Name == MetricNames.Tokens).Sum;
                _window.Add(step.Metrics);
                if (step.Step % every == 0 || step.Step == step.Steps)
                {
                    Close(step.Step, step.Time);
                }

                break;
            case Evaluated evaluated when _evaluated.Add((evaluated.Step, evaluated.Set)):   // one that takes over may evaluate again, to the same numbers
                writer.Write(new MetricsEntry(evaluated.Step, MetricNames.Prefix(evaluated.Set), evaluated.Time, evaluated.Metrics));
                break;
            case RunEnded { Outcome.End: RunEnd.Completed } ended when !_window.IsEmpty:   // early
                Close(ended.Outcome.Step, ended.Time);
                break;
        }
    }

    public void Dispose() => writer.Dispose();

    private void Close(long step, DateTimeOffset time)
    {
        var metrics = _window.Close().Select(metric => metric.Name == MetricNames.Tokens ? metric with { Sum = _tokens } : metric);
        writer.Write(new MetricsEntry(step, "", time, [.. metrics]));
    }
}
