using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Host.Metrics;

/// <summary>
/// The metrics of the steps since the last logged one, as if they were one step: sums and weights are added, so a mean is that over all pairs of the
/// window; of counters (grad_norm, learning_rate, epoch) it is the newest.
/// </summary>
public sealed class MetricsWindow
{
    private ImmutableArray<MetricSum> _sums = [];

    /// <summary>A window that steps of an interrupted run have begun.</summary>
    public static MetricsWindow Of(IEnumerable<ImmutableArray<MetricSum>> steps)
    {
        var window = new MetricsWindow();
        foreach (var step in steps)
        {
            window.Add(step);
        }

        return window;
    }

    public bool IsEmpty => _sums.IsEmpty;

    public void Add(ImmutableArray<MetricSum> step)
    {
        var before = _sums.ToDictionary(sum => sum.Name);
        _sums = [.. step.Select(sum => sum.Weight != 0 && before.TryGetValue(sum.Name, out var earlier)
            ? sum with { Sum = earlier.Sum + sum.Sum, Weight = earlier.Weight + sum.Weight }
            : sum)];
    }

    /// <summary>What the window holds; the next one is empty.</summary>
    public ImmutableArray<MetricSum> Close()
    {
        var closed = _sums;
        _sums = [];
        return closed;
    }
}
