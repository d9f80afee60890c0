using System.Text.Json;
using Orchestrator.Cluster;
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

    /// <summary>num_tokens of the first <paramref name="step"/> steps, from the events; a step that was made twice counts once.</summary>
    public static double Tokens(string path, long step)
    {
        var tokens = new Dictionary<long, double>();
        foreach (var line in File.Exists(path) ? File.ReadLines(path).Where(line => line.Contains("\"step_committed\"", StringComparison.Ordinal)) : [])
        {
            if (StepOf(line) is { } committed && committed <= step)
            {
                tokens[committed] = JsonDocument.Parse(line).RootElement.GetProperty(MetricNames.Tokens).GetDouble();
            }
        }

        return tokens.Values.Sum();
    }

    private static bool IsEvaluation(string line) => line.Contains("\"eval_", StringComparison.Ordinal);

    /// <summary>NaN where the file has null in a number's place; null where the line has no such metric.</summary>
    private static double? Number(string line, string name)
    {
        using var json = JsonDocument.Parse(line);
        return !json.RootElement.TryGetProperty(name, out var value) ? null : value.ValueKind == JsonValueKind.Number ? value.GetDouble() : double.NaN;
    }

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
