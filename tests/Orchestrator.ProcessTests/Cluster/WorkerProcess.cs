using System.Diagnostics;
using System.Runtime.InteropServices;
using Orchestrator.Cluster;
using Orchestrator.Tests.Cluster;

namespace Orchestrator.ProcessTests.Cluster;

/// <summary>A worker in a process of its own, with a replica of a few floats that takes its time over each leaf.</summary>
internal sealed partial class WorkerProcess : IAsyncDisposable
{
    public const string Role = "cluster-worker";
    public const int Kill = 9;
    public const int Terminate = 15;
    public const int Continue = 18;
    public const int Stop = 19;

    private readonly Process _process;

    private WorkerProcess(Process process) => _process = process;

    public Task Exited => _process.WaitForExitAsync();

    public int ExitCode => _process.ExitCode;

    public static WorkerProcess Start(string name, string address, string folder, int leafMilliseconds)
    {
        var program = typeof(WorkerProcess).Assembly.Location;
        return new WorkerProcess(Process.Start(new ProcessStartInfo("dotnet", [program, Role, name, address, folder, $"{leafMilliseconds}"]))!);
    }

    public void Signal(int signal) => _ = kill(_process.Id, signal);

    public async ValueTask DisposeAsync()
    {
        Signal(Kill);
        await Exited;
        _process.Dispose();
    }

    /// <summary>What the process does.</summary>
    public static async Task<int> RunAsync(string name, string address, string folder, int leafMilliseconds)
    {
        using var stop = new CancellationTokenSource();
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            signal.Cancel = true;
            stop.Cancel();
        });
        var world = new FakeWorld { BeforeLeaf = (_, _, _, cancellation) => Task.Delay(leafMilliseconds, cancellation) };
        var options = new WorkerOptions
        {
            Join = [address],
            Name = name,
            Token = "secret",
            CacheDirectory = Path.Combine(folder, "cache"),
            Deadlines = Deadlines,
        };
        return (int)(await Worker.RunAsync(options, world.FactoryFor(name), stop.Token)).End;
    }

    public static Deadlines Deadlines { get; } = new() { Patience = TimeSpan.FromSeconds(3) };

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int process, int signal);
}
