using System.Diagnostics;

namespace Orchestrator.ProcessTests;

/// <summary>The chaos program, for two to three minutes: three control nodes, two worker hosts, faults of a seed. The long run is started by hand.</summary>
public sealed class ChaosTests
{
    [Fact]
    public async Task Nothing_is_lost_in_a_short_chaos()
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Orchestrator.Chaos"), ["--minutes", "1.1", "--every", "8", "--workers", "2", "--seed", "2", "--patience", "4"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(10));
        Assert.True(process.ExitCode == 0, await output + await errors);
        Assert.Contains("Weights: the same", await output, StringComparison.Ordinal);
    }
}
