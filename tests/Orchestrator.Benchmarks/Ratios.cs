using System.Globalization;
using System.Text.Json;

namespace Orchestrator.Benchmarks;

/// <summary>Reads the lines of interleaved rounds and compares medians: one line is one peer, one size, one round.</summary>
internal static class Ratios
{
    public static void Print(IEnumerable<string> lines, TextWriter output)
    {
        var measured = lines.Where(line => line.StartsWith('{')).Select(Read).ToArray();
        foreach (var size in measured.GroupBy(m => (m.Ranks, m.Bytes)).OrderBy(g => g.Key))
        {
            output.WriteLine($"{size.Key.Ranks} ranks, {size.Key.Bytes} bytes");
            var gloo = size.Where(m => m.Peer.StartsWith("gloo", StringComparison.Ordinal)).ToArray();
            foreach (var peer in size.GroupBy(m => m.Peer))
            {
                var median = Median(peer.Select(m => m.Milliseconds));
                var each = peer.Zip(gloo, (ours, theirs) => (theirs.Milliseconds / ours.Milliseconds).ToString("0.00", CultureInfo.InvariantCulture));
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"  {peer.Key,-32} {median,10:0.000} ms   {(gloo.Length > 0 ? Median(gloo.Select(m => m.Milliseconds)) / median : 0),6:0.00} x gloo   by round: {string.Join(' ', each)}   {(peer.All(m => m.Correct) ? "" : "WRONG RESULTS")}"));
            }
        }
    }

    private static (string Peer, int Ranks, long Bytes, double Milliseconds, bool Correct) Read(string line)
    {
        using var json = JsonDocument.Parse(line);
        var root = json.RootElement;
        return (root.GetProperty("peer").GetString()!, root.GetProperty("ranks").GetInt32(), root.GetProperty("bytes").GetInt64(), root.GetProperty("median_ms").GetDouble(), root.GetProperty("correct").GetBoolean());
    }

    private static double Median(IEnumerable<double> values) => values.Order().ToArray() is { } sorted ? sorted[sorted.Length / 2] : 0;
}
