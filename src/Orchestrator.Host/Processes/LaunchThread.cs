using System.Collections.Concurrent;
using System.Diagnostics;

namespace Orchestrator.Host.Processes;

/// <summary>
/// The one thread that starts children. It lives as long as the launcher, because the kernel's parent-death signal means the thread that
/// started a child, not the process; a thread of the pool may end at any time.
/// </summary>
internal sealed class LaunchThread : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];

    public LaunchThread() => new Thread(() =>
    {
        foreach (var work in _work.GetConsumingEnumerable())
        {
            work();
        }
    })
    { Name = "launcher", IsBackground = true }.Start();

    /// <exception cref="System.ComponentModel.Win32Exception">The program cannot be started.</exception>
    public Task<Process> StartAsync(ProcessStartInfo start)
    {
        var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            try
            {
                started.SetResult(Process.Start(start)!);
            }
            catch (Exception error)
            {
                started.SetException(error);
            }
        });
        return started.Task;
    }

    /// <summary>Ends the thread; children that still live are killed with it.</summary>
    public void Dispose() => _work.CompleteAdding();
}
