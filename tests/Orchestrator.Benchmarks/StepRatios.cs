using System.Globalization;
using System.Text.Json;

namespace Orchestrator.Benchmarks;

/// <summary>Reads the lines of interleaved rounds of whole steps, ours and the peer's: do the losses agree, and what are the ratios of medians?</summary>
internal static class StepRatios
{
    private const int ComparedLosses = 3;

    // A precomputed reference is paid once a run, and shared by the visits of its epochs.
    private const int Epochs = 3;

    /// <summary>The largest difference of a step's loss: fp32 rounds in another order; bf16 products round to 8 bits, in other places.</summary>
    private static double ToleranceOf(string dtype) => dtype == "fp32" ? 1e-4 : 2e-3;

    /// <returns>False where losses differ: the times then say nothing and are not shown.</returns>
    public static bool Print(IEnumerable<string> lines, TextWriter output)
    {
        var good = true;
        foreach (var work in lines.Where(line => line.StartsWith('{')).Select(Line.Read).GroupBy(line => (line.Model, line.Dtype, line.Workers)))
        {
            output.WriteLine($"{work.Key.Model} {work.Key.Dtype}, {work.Key.Workers} worker(s)");
            good &= Print(work.Key.Dtype, [.. work], output);
        }

        return good;
    }

    private static bool Print(string dtype, Line[] lines, TextWriter output)
    {
        var worst = lines.Max(line => line.Losses.Zip(lines[0].Losses, (a, b) => Math.Abs(a - b)).Max());
        var agree = worst <= ToleranceOf(dtype);
        output.WriteLine(Text($"  losses of the first {ComparedLosses} steps: largest difference {worst:0.0e+0}, allowed {ToleranceOf(dtype):0.0e+0}{(agree ? "" : ": THEY DISAGREE, no time counts")}"));
        if (!agree)
        {
            return false;
        }

        foreach (var line in lines.GroupBy(line => line.Way).OrderByDescending(way => way.First().Peer))
        {
            output.WriteLine(Text($"  {line.Key,-22} {Median(line, l => l.Seconds),8:0.000} s/step (best {line.Min(l => l.Best):0.000})  {Median(line, l => l.CpuSeconds),8:0.00} cpu s/step  {Median(line, l => l.PeakMegabytes),7:0} MB/worker")
                + (line.First().Precompute is null ? "" : Text($"  reference before training {Median(line, l => l.Precompute!.Value),0:0.00} s for these steps' pairs")));
        }

        foreach (var ours in lines.Where(line => !line.Peer).GroupBy(line => line.Way))
        {
            foreach (var theirs in lines.Where(line => line.Peer).GroupBy(line => line.Way))
            {
                output.WriteLine(Text($"  {ours.Key} against {theirs.Key}: {Ratio(theirs, ours, l => l.Seconds):0.00}x the speed, {Ratio(theirs, ours, l => l.WholeSeconds):0.00}x with the reference pass shared by {Epochs} epochs, {Ratio(theirs, ours, l => l.CpuSeconds):0.00}x by cpu seconds; {Ratio(ours, theirs, l => l.PeakMegabytes):0.00}x the memory"));
            }
        }

        return true;
    }

    private static double Ratio(IEnumerable<Line> above, IEnumerable<Line> below, Func<Line, double> of) => Median(above, of) / Median(below, of);

    private static double Median(IEnumerable<Line> lines, Func<Line, double> of)
    {
        var sorted = lines.Select(of).Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <param name="Precompute">Seconds of the reference pass over the pairs of all steps, warm-up included; null: none.</param>
    private sealed record Line(bool Peer, string Way, string Model, string Dtype, int Workers, double Seconds, double Best, double CpuSeconds, double PeakMegabytes, double? Precompute, int AllSteps, double[] Losses)
    {
        public double WholeSeconds => Seconds + (Precompute ?? 0) / AllSteps / Epochs;

        public static Line Read(string line)
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            var ours = root.GetProperty("peer").GetString() == "orchestrator";
            string Of(string name) => root.GetProperty(name).GetString()!;
            var losses = root.GetProperty("loss").EnumerateArray().Select(loss => loss.GetDouble()).ToArray();
            return new Line(
                !ours,
                ours ? $"ours {Of("reference")}" : $"peer {Kind(root)}",
                Of("model"),
                Of("dtype"),
                root.GetProperty("workers").GetInt32(),
                root.GetProperty("seconds_per_step_median").GetDouble(),
                root.GetProperty("seconds_per_step_min").GetDouble(),
                root.GetProperty("cpu_seconds_per_step").GetDouble(),
                root.GetProperty("peak_rss_mb").EnumerateArray().Max(peak => peak.GetDouble()),
                root.TryGetProperty("reference_precompute_seconds", out var seconds) && seconds.ValueKind == JsonValueKind.Number ? seconds.GetDouble() : null,
                losses.Length,
                [.. losses.Take(ComparedLosses)]);
        }

        private static string Kind(JsonElement root) => string.Join(
            ' ',
            new[]
            {
                root.GetProperty("env").GetString() == "plain" ? "plain" : "tuned",
                root.GetProperty("grouped").GetBoolean() ? "grouped" : null,
                root.GetProperty("logits").GetString() == "response" ? "response" : null,
                root.GetProperty("reference").GetString() == "precomputed" ? "precomputed" : null,
            }.OfType<string>());
    }
}
