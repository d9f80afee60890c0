using System.Collections.Concurrent;
using System.Security.Cryptography;
using Orchestrator.Cluster;
using Orchestrator.Core;

namespace Orchestrator.Tests.Cluster;

/// <summary>A whole run inside the test process: one coordinator and workers, each its own actor system and data plane, over real sockets.</summary>
internal sealed class TestRun : IRunObserver, IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly TaskCompletionSource<string> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<string, (Task<WorkerOutcome> Run, CancellationTokenSource Stop, CancellationTokenSource Kill)> _workers = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly List<Task> _standby = [];
    private Func<int, Task<RunOutcome>> _another = null!;
    private readonly List<(Func<RunEvent, bool> Wanted, TaskCompletionSource<RunEvent> Found)> _awaited = [];

    public TestRun() => Folder = Directory.CreateTempSubdirectory("cluster-").FullName;

    public string Folder { get; }

    public FakeWorld World { get; } = new();

    public List<RunEvent> Events { get; } = [];

    public ConcurrentQueue<string> Log { get; } = [];

    public Task<RunOutcome> Outcome { get; private set; } = Task.FromResult<RunOutcome>(null!);

    public string Address { get; private set; } = "";

    public static PlanOptions Plan(int steps, int leaves = 8) => new(7, 64, leaves * 2, 2, MaxSteps: steps);

    public async Task<TestRun> StartAsync(int steps, Func<CoordinatorOptions, CoordinatorOptions>? change = null, int leaves = 8)
    {
        var path = Path.Combine(Folder, "model", "weights.bin");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllBytesAsync(path, FakeReplica.InitialWeights);
        var options = new CoordinatorOptions
        {
            Job = new Job
            {
                RunId = "test-" + Path.GetFileName(Folder),
                RunFile = "",
                Plan = Plan(steps, leaves),
                Files = [new JobFile("model/weights.bin", Convert.ToHexStringLower(SHA256.HashData(FakeReplica.InitialWeights)), FakeReplica.InitialWeights.Length, path)],
            },
            Token = "secret",
            OutputDirectory = Path.Combine(Folder, "out"),
            Log = line => Write("coordinator", line),
            Hocon = ReflectiveSerializer.Strict + Environment.GetEnvironmentVariable("CLUSTER_TEST_HOCON"),
        };
        options = change is null ? options : change(options);
        _another = port => Coordinator.RunAsync(options with { Port = port, Kill = default, Log = line => Write($"node {port}", line) }, this, default);
        Outcome = Coordinator.RunAsync(options, this, _stop.Token);
        var first = await Task.WhenAny(Outcome, _listening.Task).WaitAsync(Patience);
        if (first == Outcome)
        {
            await Outcome;
        }

        Address = await _listening.Task;
        return this;
    }

    public void Add(params string[] workers)
    {
        foreach (var worker in workers)
        {
            Add(worker, options => options);
        }
    }

    public void Add(string worker, Func<WorkerOptions, WorkerOptions> change)
    {
        var (stop, kill) = (new CancellationTokenSource(), new CancellationTokenSource());
        var options = new WorkerOptions
        {
            Join = [Address],
            Name = worker,
            Token = "secret",
            CacheDirectory = Path.Combine(Folder, "cache"),
            Log = line => Write(worker, line),
            Kill = kill.Token,
            Hocon = ReflectiveSerializer.Strict + Environment.GetEnvironmentVariable("CLUSTER_TEST_HOCON"),
        };
        _workers[worker] = (Worker.RunAsync(change(options), World.FactoryFor(worker), stop.Token), stop, kill);
    }

    /// <summary>The run holds at the first leaf of this step until it is told to go on.</summary>
    public (Task Reached, TaskCompletionSource Open) HoldAt(long held)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        World.BeforeLeaf = (_, step, leaf, cancellation) =>
        {
            if (step == held && leaf == 0)
            {
                reached.TrySetResult();
                return open.Task.WaitAsync(cancellation);
            }

            return Task.CompletedTask;
        };
        return (reached.Task.WaitAsync(Patience), open);
    }

    public void Stop() => _stop.Cancel();

    public Task StopAsync() => _stop.CancelAsync();

    /// <summary>Another control node of the same run.</summary>
    public Task<RunOutcome> StandBy(int port)
    {
        var run = Task.Run(() => _another(port));
        _standby.Add(run);
        return run;
    }

    public void Stop(string worker) => _workers[worker].Stop.Cancel();

    public void Kill(string worker) => _workers[worker].Kill.Cancel();

    /// <summary>Kills a worker and waits until it can do nothing any more.</summary>
    public async Task KilledAsync(string worker)
    {
        Kill(worker);
        await OutcomeOf(worker);
    }

    public CancellationToken Killed(string worker) => _workers[worker].Kill.Token;

    /// <summary>Until so many control nodes are up.</summary>
    public Task ControlAsync(int nodes) => StatusAsync(status => status.Control.Length >= nodes);

    /// <summary>Until the coordinator has heard from the worker that it is loaded, or wants to leave.</summary>
    public Task SaysAsync(string worker, bool leaving) => StatusAsync(status => status.Workers.Any(w =>
        w.Name == worker && (leaving ? w.Doing.StartsWith("leaving", StringComparison.Ordinal) : w.Doing == "idle" || w.Doing.StartsWith("taking", StringComparison.Ordinal))));

    private async Task StatusAsync(Func<RunStatus, bool> wanted)
    {
        var (started, last) = (TimeProvider.System.GetTimestamp(), "none");
        while (TimeProvider.System.GetElapsedTime(started) < Patience)
        {
            try
            {
                var status = await Coordinator.StatusAsync(Address, "secret", TimeSpan.FromSeconds(10), default);
                if (wanted(status))
                {
                    return;
                }

                last = $"{status}, control {string.Join(", ", status.Control)}, workers {string.Join(", ", status.Workers)}";
            }
            catch (TimeoutException late)
            {
                last = late.Message;
            }
        }

        throw new TimeoutException($"The wanted status did not come; the last was {last}. What happened:\n{Story()}");
    }

    public Task<WorkerOutcome> OutcomeOf(string worker) => _workers[worker].Run.WaitAsync(Patience);

    public async Task<RunOutcome> EndAsync()
    {
        try
        {
            return await Outcome.WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException("The run did not end. What happened:\n" + Story());
        }
    }

    /// <summary>The first event that fits, past or to come.</summary>
    public async Task<T> EventAsync<T>(Func<T, bool>? fits = null)
        where T : RunEvent
    {
        TaskCompletionSource<RunEvent> found;
        lock (_gate)
        {
            if (Events.OfType<T>().FirstOrDefault(e => fits?.Invoke(e) ?? true) is { } past)
            {
                return past;
            }

            found = new TaskCompletionSource<RunEvent>(TaskCreationOptions.RunContinuationsAsynchronously);
            _awaited.Add((e => e is T t && (fits?.Invoke(t) ?? true), found));
        }

        try
        {
            return (T)await found.Task.WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"No {typeof(T).Name} came. What happened:\n" + Story());
        }
    }

    public IReadOnlyList<T> All<T>()
        where T : RunEvent
    {
        lock (_gate)
        {
            return [.. Events.OfType<T>()];
        }
    }

    private void Write(string who, string line) => Log.Enqueue($"{TimeProvider.System.GetUtcNow():mm:ss.fff} {who}: {line}");

    public string Story()
    {
        lock (_gate)
        {
            return string.Join('\n', Log.Concat(Events.Select(e => $"{e.Time:mm:ss.fff} {e}").Order()));
        }
    }

    public void On(RunEvent happened)
    {
        lock (_gate)
        {
            Events.Add(happened);
            _awaited.RemoveAll(waiting => waiting.Wanted(happened) && waiting.Found.TrySetResult(happened));
        }

        if (happened is Listening listening)
        {
            _listening.TrySetResult(listening.Control);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var (_, worker) in _workers)
        {
            await worker.Kill.CancelAsync();
        }

        await Task.WhenAll(_workers.Values.Select(w => w.Run)).WaitAsync(Patience);
        await Outcome.WaitAsync(Patience);
        Directory.Delete(Folder, recursive: true);
    }
}
