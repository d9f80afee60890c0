using System.Collections.Concurrent;

namespace Orchestrator.Training.Native;

/// <summary>
/// The one thread on which a replica calls libtorch. Work runs in the order in which it was handed in; callers await it and block nothing, so
/// the thread pool, and with it every heartbeat, goes on while a kernel runs. no_grad, dispose scopes and the number of threads an operation
/// uses belong to a thread: here they hold for all work of a replica and for nobody else's.
/// </summary>
public sealed class DeviceThread : IAsyncDisposable
{
    private readonly BlockingCollection<Work> _queue = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TimeProvider _time;
    private readonly string _name;
    private int? _threads;
    private volatile bool _closing;

    /// <param name="name">Names the thread in debuggers and errors, for example the device.</param>
    /// <param name="threads">Threads one operation may use; null leaves libtorch's own choice.</param>
    /// <param name="time">Measures <see cref="Patience"/>.</param>
    public DeviceThread(string name, int? threads = null, TimeProvider? time = null)
    {
        (_name, _threads, _time) = (name, threads, time ?? TimeProvider.System);
        new Thread(Loop) { Name = $"device {name}", IsBackground = true }.Start();
    }

    /// <summary>How long <see cref="DisposeAsync"/> waits for work that is under way.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Runs work on the device thread. Its exception, whatever it is, comes back through the task.</summary>
    /// <param name="cancellation">Withdraws work that has not begun; work that has must look at it itself.</param>
    /// <exception cref="ObjectDisposedException">The thread was disposed before the work began.</exception>
    public Task<T> Run<T>(Func<T> work, CancellationToken cancellation = default)
    {
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var item = new Work(() => Complete(result, work, cancellation), () => result.TrySetException(Disposed()));
        try
        {
            _queue.Add(item, CancellationToken.None);
        }
        catch (Exception error) when (error is InvalidOperationException or ObjectDisposedException)
        {
            item.Refuse();
        }

        return result.Task;
    }

    /// <inheritdoc cref="Run{T}"/>
    public Task Run(Action work, CancellationToken cancellation = default) => Run(
        () =>
        {
            work();
            return true;
        },
        cancellation);

    /// <summary>Lets the work under way finish, refuses what waits behind it, and ends the thread. A second call returns at once.</summary>
    /// <exception cref="TimeoutException">The work under way did not end within <see cref="Patience"/>; the thread is left to it and holds up nothing.</exception>
    public async ValueTask DisposeAsync()
    {
        if (_closing)
        {
            return;
        }

        _closing = true;
        _queue.CompleteAdding();
        try
        {
            await _ended.Task.WaitAsync(Patience, _time).ConfigureAwait(false);
            _queue.Dispose();
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"The work on device thread {_name} did not end within {Patience.TotalSeconds:0.#} s. End the process to free the device.");
        }
    }

    private void Loop()
    {
        foreach (var work in _queue.GetConsumingEnumerable())
        {
            (_closing ? work.Refuse : work.Execute)();
        }

        _ended.SetResult();
    }

    private void Complete<T>(TaskCompletionSource<T> result, Func<T> work, CancellationToken cancellation)
    {
        try
        {
            cancellation.ThrowIfCancellationRequested();
            UseThreadsOnce();
            result.TrySetResult(work());
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            result.TrySetCanceled(cancellation);
        }
        catch (Exception error)
        {
            result.TrySetException(error);
        }
    }

    private void UseThreadsOnce()
    {
        if (_threads is { } count)
        {
            TorchRuntime.UseThreads(count);
            _threads = null;
        }
    }

    private ObjectDisposedException Disposed() => new($"device thread {_name}");

    private sealed record Work(Action Execute, Action Refuse);
}
