using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Orchestrator.Cluster;
using Orchestrator.Core;
using Orchestrator.Host.Metrics;

namespace Orchestrator.Host.Runs;

/// <summary>
/// What an interrupted run has recorded. Going on from a checkpoint, the steps after it are made a second time, so their lines go: the
/// metrics file then ends up as if the run had never been interrupted.
/// </summary>
public static class History
{
    /// <summary>
    /// Keeps the lines of steps up to <paramref name="step"/>; a last line that was cut off goes too, and so do those of an evaluation after that
    /// step which did not come to all sets: it is made again.
    /// </summary>
    /// <param name="sets">Names of the evaluation sets.</param>
    public static void CutMetrics(string path, long step, IReadOnlyCollection<string> sets)
    {
        if (File.Exists(path))
        {
            var kept = File.ReadAllLines(path).TakeWhile(line => StepOf(line) <= step).ToList();
            var last = kept.Where(line => StepOf(line) == step && IsEvaluation(line)).ToList();
            if (!sets.All(set => last.Exists(line => Number(line, MetricNames.Prefix(set) + MetricNames.Loss) is not null)))
            {
                kept.RemoveAll(last.Contains);
            }

            File.WriteAllText(path + ".tmp", string.Concat(kept.Select(line => line + "\n")));
            File.Move(path + ".tmp", path, overwrite: true);
        }
    }

    /// <summary>Keeps the lines of steps up to <paramref name="step"/>.</summary>
    public static void CutSamples(string path, long step)
    {
        if (File.Exists(path))
        {
            File.WriteAllLines(path + ".tmp", File.ReadAllLines(path).TakeWhile(line => StepOf(line) <= step));
            File.Move(path + ".tmp", path, overwrite: true);
        }
    }

    /// <summary>What the evaluations in a metrics file have shown.</summary>
    /// <param name="rules">null: only that they were made.</param>
    public static EvaluationHistory Seen(string path, SelectionRules? rules)
    {
        var seen = EvaluationHistory.Empty;
        foreach (var line in (File.Exists(path) ? File.ReadLines(path) : []).Where(IsEvaluation))
        {
            var step = StepOf(line)!.Value;
            seen = rules is not null && Number(line, MetricNames.Prefix(rules.Set) + rules.Metric) is { } value ? seen.With(step, value, rules) : seen with { Evaluated = step };
        }

        return seen;
    }

    /// <summary>The file as a new one of the same name, without a last line that was cut off: what somebody still writes into the old one is lost.</summary>
    public static void Copy(string path)
    {
        if (File.Exists(path))
        {
            var text = File.ReadAllText(path);
            File.WriteAllText(path + ".tmp", text[..(text.LastIndexOf('\n') + 1)]);
            File.Move(path + ".tmp", path, overwrite: true);
        }
    }

    /// <summary>The last step that the events tell of; 0 where they tell of none.</summary>
    public static long LastStep(string path) => Committed(path).Select(line => StepOf(line) ?? 0).DefaultIfEmpty(0).Max();

    /// <summary>The evaluations that a metrics file holds.</summary>
    /// <param name="sets">Names of the evaluation sets.</param>
    public static IEnumerable<(long Step, string Set)> Evaluations(string path, IReadOnlyCollection<string> sets) =>
        from line in File.Exists(path) ? File.ReadAllLines(path) : []
        where IsEvaluation(line)
        from set in sets
        where Number(line, MetricNames.Prefix(set) + MetricNames.Loss) is not null
        select (StepOf(line)!.Value, set);

    /// <summary>num_tokens of the first <paramref name="step"/> steps, from the events; a step that was made twice counts once.</summary>
    public static double Tokens(string path, long step)
    {
        var tokens = new Dictionary<long, double>();
        foreach (var line in Committed(path))
        {
            if (StepOf(line) is { } committed && committed <= step)
            {
                tokens[committed] = JsonDocument.Parse(line).RootElement.GetProperty(MetricNames.Tokens).GetDouble();
            }
        }

        return tokens.Values.Sum();
    }

    /// <summary>The metrics of steps up to <paramref name="step"/> that no line of the metrics file holds yet, oldest first.</summary>
    /// <param name="events">Where their sums stand; steps without are left out.</param>
    public static IReadOnlyList<ImmutableArray<MetricSum>> Unlogged(string metrics, string events, long step)
    {
        var logged = File.Exists(metrics) ? File.ReadLines(metrics).Where(line => !IsEvaluation(line)).Select(line => StepOf(line) ?? 0).DefaultIfEmpty().Max() : 0;
        var steps = new SortedDictionary<long, ImmutableArray<MetricSum>>();
        foreach (var line in Committed(events))
        {
            if (StepOf(line) is { } committed && committed > logged && committed <= step && SumsOf(line) is { } sums)
            {
                steps[committed] = sums;
            }
        }

        return [.. steps.Values];
    }

    private static ImmutableArray<MetricSum>? SumsOf(string line)
    {
        using var json = JsonDocument.Parse(line);
        return json.RootElement.TryGetProperty(EventsFile.Sums, out var sums)
            ? [.. sums.EnumerateObject().Select(metric => new MetricSum(metric.Name, Value(metric.Value[0]), Value(metric.Value[1])))]
            : null;

        static double Value(JsonElement number) => number.ValueKind == JsonValueKind.Number ? number.GetDouble() : double.Parse(number.GetString()!, CultureInfo.InvariantCulture);
    }

    private static bool IsEvaluation(string line) => line.Contains("\"eval_", StringComparison.Ordinal);

    /// <summary>NaN where the file has null in a number's place; null where the line has no such metric.</summary>
    private static double? Number(string line, string name)
    {
        using var json = JsonDocument.Parse(line);
        return !json.RootElement.TryGetProperty(name, out var value) ? null : value.ValueKind == JsonValueKind.Number ? value.GetDouble() : double.NaN;
    }

    private static IEnumerable<string> Committed(string path) =>
        File.Exists(path) ? File.ReadLines(path).Where(line => line.Contains("\"step_committed\"", StringComparison.Ordinal)) : [];

    private static long? StepOf(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.GetProperty("step").GetInt64();
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException)
        {
            return null;
        }
    }
}
