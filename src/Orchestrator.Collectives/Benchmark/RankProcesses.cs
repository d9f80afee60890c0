using System.Diagnostics;
using System.Text.Json;

namespace Orchestrator.Collectives.Benchmark;

/// <summary>The ranks' processes of this machine; none outlives this.</summary>
internal sealed class RankProcesses : IDisposable
{
    private readonly List<Process> _processes = [];

    public RankProcesses(int count, IReadOnlyList<string> command, string desk, string token, TlsOptions? tls)
    {
        try
        {
            for (var i = 0; i < count; i++)
            {
                var start = new ProcessStartInfo(command[0], [.. command.Skip(1), desk]) { UseShellExecute = false };
                start.Environment[AllReduceBenchmark.TokenVariable] = token;
                start.Environment[AllReduceBenchmark.TlsVariable] = tls is null ? "" : JsonSerializer.Serialize(tls);
                _processes.Add(Process.Start(start)!);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Never ends well: throws when a process has ended with an error.</summary>
    /// <exception cref="IOException">A rank's process died.</exception>
    public async Task FirstDeathAsync(CancellationToken cancellation)
    {
        await foreach (var ended in Task.WhenEach(_processes.Select(process => EndAsync(process, cancellation))))
        {
            await ended;
        }

        await Task.Delay(Timeout.InfiniteTimeSpan, cancellation);
    }

    public Task AllEndedAsync(CancellationToken cancellation) => Task.WhenAll(_processes.Select(process => EndAsync(process, cancellation)));

    public void Dispose()
    {
        foreach (var process in _processes)
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }

            process.Dispose();
        }
    }

    private static async Task EndAsync(Process process, CancellationToken cancellation)
    {
        await process.WaitForExitAsync(cancellation);
        if (process.ExitCode != 0)
        {
            throw new IOException($"The process of a rank (id {process.Id}) ended with code {process.ExitCode}; what it said stands above.");
        }
    }
}
