using System.Collections.Immutable;
using System.Globalization;
using Orchestrator.Cluster;
using Orchestrator.Core;
using Orchestrator.Host.Metrics;
using Spectre.Console;

namespace Orchestrator.Host.Screen;

/// <summary>Remembers a run's first and last numbers, and shows them side by side at its end.</summary>
public sealed class RunSummary : IRunObserver
{
    private static readonly (string Name, string Label, string Format)[] Shown =
        [(MetricNames.Loss, "loss", "0.0000"), (MetricNames.Accuracy, "reward accuracy", "0.000"), (MetricNames.Margin, "reward margin", "0.0000"), (MetricNames.TokenAccuracy, "first choices right", "0.000")];

    private readonly SortedDictionary<string, (ImmutableArray<MetricSum> Before, ImmutableArray<MetricSum> After)> _sets = new(StringComparer.Ordinal);
    private long _pairs;
    private double _seconds;

    public void On(RunEvent happened)
    {
        switch (happened)
        {
            case StepCommitted step:
                Keep("training pairs", step.Metrics);
                (_pairs, _seconds) = (_pairs + step.Pairs, _seconds + step.Seconds);
                break;
            case Evaluated evaluated:
                Keep($"held-out pairs ({evaluated.Set})", evaluated.Metrics);
                break;
        }
    }

    /// <summary>Before and after, set by set; nothing where no step was made.</summary>
    public void Show(IAnsiConsole console)
    {
        if (_sets.Count == 0)
        {
            return;
        }

        var table = new Table().Border(TableBorder.Simple).AddColumn("").AddColumn(new TableColumn("before").RightAligned()).AddColumn(new TableColumn("after").RightAligned());
        foreach (var (set, (before, after)) in _sets)
        {
            foreach (var (name, label, format) in Shown.Where(shown => after.ValueOf(shown.Name) is not null))
            {
                table.AddRow(Markup.Escape($"{set}: {label}"), Text(before.ValueOf(name), format), Text(after.ValueOf(name), format));
            }
        }

        console.Write(table);
        if (_seconds > 0)
        {
            console.WriteLine($"{_pairs} pairs in {StepText.Of(TimeSpan.FromSeconds(_seconds))} of steps: {(_pairs / _seconds).ToString("0.0", CultureInfo.InvariantCulture)} pairs/s.");
        }
    }

    private void Keep(string set, ImmutableArray<MetricSum> metrics) =>
        _sets[set] = (_sets.TryGetValue(set, out var known) ? known.Before : metrics, metrics);

    private static string Text(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "-";
}
