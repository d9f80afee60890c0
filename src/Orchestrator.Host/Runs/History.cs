using System.Text.Json;
using Orchestrator.Host.Metrics;

namespace Orchestrator.Host.Runs;

/// <summary>
/// What an interrupted run has recorded. Going on from a checkpoint, the steps after it are made a second time, so their lines go: the
/// metrics file then ends up as if the run had never been interrupted.
/// </summary>
public static class History
{
    /// <summary>Keeps the lines of steps up to <paramref name="step"/>; a last line that was cut off goes too.</summary>
    public static void CutMetrics(string path, long step)
    {
        if (File.Exists(path))
        {
            var kept = File.ReadAllLines(path).TakeWhile(line => StepOf(line) <= step).ToArray();
            File.WriteAllText(path + ".tmp", string.Concat(kept.Select(line => line + "\n")));
            File.Move(path + ".tmp", path, overwrite: true);
        }
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
