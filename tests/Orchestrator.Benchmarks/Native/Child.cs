using System.Diagnostics;
using System.Text.Json;

namespace Orchestrator.Benchmarks.Native;

/// <summary>This program once more, with other environment variables: what they change is read once, when a process begins.</summary>
internal static class Child
{
    /// <returns>The numbers on the child's last line.</returns>
    public static async Task<Dictionary<string, double>> Run(string[] program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(program[0], [.. program[1..], .. arguments]) { RedirectStandardOutput = true };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? JsonSerializer.Deserialize<Dictionary<string, double>>(output.TrimEnd().Split('\n')[^1])!
            : throw new InvalidOperationException($"{string.Join(' ', arguments)} ended with {process.ExitCode}.");
    }

    public static void Tell(IReadOnlyDictionary<string, double> numbers, TextWriter output) => output.WriteLine(JsonSerializer.Serialize(numbers));

    public static double Median(IEnumerable<double> values) => values.Order().ToArray() is { Length: > 0 } sorted ? sorted[sorted.Length / 2] : double.NaN;
}
