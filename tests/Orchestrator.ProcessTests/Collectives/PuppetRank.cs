using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Orchestrator.ProcessTests.Collectives;

/// <summary>The test's end of a <see cref="RankPuppet"/>.</summary>
internal sealed partial class PuppetRank : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private const int SigKill = 9;
    private const int SigContinue = 18;
    private const int SigStop = 19;

    private readonly Process _process;
    private readonly ConcurrentDictionary<int, TaskCompletionSource<Reply>> _awaited = [];
    private readonly TaskCompletionSource<Reply> _hello = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _reading;
    private int _disposed;
    private int _next;

    private PuppetRank(Process process) => (_process, _reading) = (process, ReadAsync(process));

    public string Endpoint { get; private set; } = "";

    public int ProcessId => _process.Id;

    public static async Task<PuppetRank> StartAsync()
    {
        var program = typeof(PuppetRank).Assembly.Location;
        var start = new ProcessStartInfo("dotnet", [program, "collective-rank"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment["DOTNET_TieredPGO"] = "0";
        var puppet = new PuppetRank(Process.Start(start)!);
        puppet.Endpoint = (await puppet._hello.Task.WaitAsync(Patience)).Endpoint;
        return puppet;
    }

    public Task<Reply> SendAsync(Command command) => Send(command).Reply;

    /// <summary>Sends; the number is what a cancel names.</summary>
    public (int Id, Task<Reply> Reply) Send(Command command)
    {
        var id = Interlocked.Increment(ref _next);
        var awaited = _awaited[id] = new TaskCompletionSource<Reply>(TaskCreationOptions.RunContinuationsAsynchronously);
        _process.StandardInput.WriteLine(JsonSerializer.Serialize(command with { Id = id }));
        _process.StandardInput.Flush();
        return (id, awaited.Task.WaitAsync(Patience));
    }

    public void Stop() => _ = kill(_process.Id, SigStop);

    public void Continue() => _ = kill(_process.Id, SigContinue);

    public async Task KillAsync()
    {
        _ = kill(_process.Id, SigKill);
        await _process.WaitForExitAsync().WaitAsync(Patience);
        await _reading;
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            await KillAsync();
            _process.Dispose();
        }
    }

    private async Task ReadAsync(Process process)
    {
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            var reply = JsonSerializer.Deserialize<Reply>(line)!;
            if (reply.Id == 0)
            {
                _hello.TrySetResult(reply);
            }
            else if (_awaited.TryRemove(reply.Id, out var awaited))
            {
                awaited.TrySetResult(reply);
            }
        }

        var gone = new EndOfStreamException("The rank's process has ended.");
        _hello.TrySetException(gone);
        foreach (var (_, awaited) in _awaited)
        {
            awaited.TrySetException(gone);
            _ = awaited.Task.Exception;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int process, int signal);
}
