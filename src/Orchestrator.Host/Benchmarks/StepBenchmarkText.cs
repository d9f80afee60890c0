using System.Globalization;
using System.Text.Json;

namespace Orchestrator.Host.Benchmarks;

/// <summary>A result as one JSON object, or as lines for people.</summary>
internal static class StepBenchmarkText
{
    public static string Json(StepBenchmarkResult result) => JsonSerializer.Serialize(new Dictionary<string, object?>
    {
        ["peer"] = "orchestrator",
        ["model"] = ModelName(result.Options.Config),
        ["dtype"] = result.Options.Bf16 ? "bf16" : "fp32",
        ["workers"] = result.Options.Workers,
        ["threads_per_rank"] = result.Options.Threads,
        ["pairs_per_step"] = result.Options.PairsPerStep,
        ["pairs_per_leaf"] = result.Options.PairsPerLeaf,
        ["reference"] = result.Options.Reference,
        ["optimizer"] = result.Options.Optimizer,
        ["settings"] = result.Options.More,
        ["steps"] = result.Options.Steps,
        ["seconds_per_step_median"] = Round(result.MedianSeconds),
        ["seconds_per_step_min"] = Round(result.Seconds.Min()),
        ["seconds_per_step"] = result.Seconds.Select(Round),
        ["pairs_per_second"] = Round(result.PairsPerSecond),
        ["real_tokens_per_second"] = Math.Round(result.TokensPerSecond, 1),
        ["real_tokens_per_step"] = result.Tokens,
        ["loss"] = result.Losses.Select(loss => double.IsFinite(loss) ? Math.Round(loss, 8) : (double?)null),
        ["gradient_norm"] = result.GradientNorms.Select(norm => double.IsFinite(norm) ? Math.Round(norm, 6) : (double?)null),
        ["peak_rss_mb"] = result.PeakMegabytes.Select(peak => Math.Round(peak, 1)),
        ["cpu_seconds_per_step"] = Round(result.CpuSeconds.Average()),
        ["cpu_seconds_per_step_each"] = result.CpuSeconds.Select(Round),
        ["seconds_by_phase"] = result.Phases.ToDictionary(phase => phase.Name, phase => Round(phase.Seconds)),
        ["cpu_seconds_by_phase"] = Busy(result).ToDictionary(phase => phase.Name, phase => Round(phase.Seconds)),
        ["reference_precompute_seconds"] = result.PrecomputeSeconds is { } seconds ? Round(seconds) : null,
        ["load_before"] = result.LoadBefore,
        ["load_after"] = result.LoadAfter,
    });

    public static IEnumerable<string> Lines(StepBenchmarkResult result)
    {
        var whole = result.Phases.Sum(phase => phase.Seconds);
        yield return Text($"{result.PairsPerSecond:0.00} pairs/s, {result.TokensPerSecond:0} real tokens/s; a step {result.MedianSeconds:0.000} s (median of {result.Seconds.Length}), {result.CpuSeconds.Average():0.00} processor s");
        yield return Text($"peak memory of a worker: {string.Join(", ", result.PeakMegabytes.Select(peak => Text($"{peak:0} MB")))}; load {result.LoadBefore:0.0} before, {result.LoadAfter:0.0} after");
        yield return $"losses: {string.Join(' ', result.Losses.Select(loss => Text($"{loss:0.000000}")))}";
        var busy = Busy(result).ToDictionary(phase => phase.Name, phase => phase.Seconds);
        foreach (var (name, seconds) in result.Phases)
        {
            yield return Text($"  {name,-16} {seconds,9:0.0000} s {seconds / whole,7:0.0 %}") + (busy.TryGetValue(name, out var cpu) ? Text($" {cpu,9:0.0000} cpu s") : "");
        }
    }

    // Phases that wait, or go from thread to thread, have no processor time of one thread.
    private static IEnumerable<(string Name, double Seconds)> Busy(StepBenchmarkResult result) => result.CpuPhases.Where(phase => phase.Seconds > 0);

    private static string ModelName(string config) => Path.GetFileName(Directory.Exists(config) ? Path.TrimEndingDirectorySeparator(Path.GetFullPath(config)) : Path.GetDirectoryName(Path.GetFullPath(config))!);

    private static double Round(double value) => Math.Round(value, 4);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
