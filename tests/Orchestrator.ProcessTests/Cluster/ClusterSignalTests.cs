using System.Security.Cryptography;
using Orchestrator.Cluster;
using Orchestrator.Core;
using Orchestrator.Tests.Cluster;

namespace Orchestrator.ProcessTests.Cluster;

/// <summary>Real processes, real signals: the run goes on and ends with the weights of an undisturbed run.</summary>
public sealed class ClusterSignalTests : IRunObserver, IAsyncDisposable
{
    private const int Steps = 12;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(150);

    private readonly string _folder = Directory.CreateTempSubdirectory("signals-").FullName;
    private readonly List<RunEvent> _events = [];
    private readonly List<(Func<RunEvent, bool> Wanted, TaskCompletionSource<RunEvent> Found)> _awaited = [];
    private readonly Dictionary<string, WorkerProcess> _workers = [];

    [Fact]
    public async Task A_worker_killed_with_kill_9_costs_its_share()
    {
        var run = await StartAsync(workers: 2, leafMilliseconds: 60);
        await EventAsync<StepCommitted>(s => s.Step == 3);
        _workers["w1"].Signal(WorkerProcess.Kill);
        Assert.Equal(RunEnd.Completed, (await run.WaitAsync(Patience)).End);
        Assert.Contains(All<MembershipChanged>(), m => m.What.StartsWith("lost w1", StringComparison.Ordinal) && m.Members.SequenceEqual(["w0"]));
        await SameWeightsAsync(run);
    }

    [Fact]
    public async Task A_worker_stopped_with_SIGSTOP_is_fenced_and_comes_back_as_a_new_one_when_it_wakes()
    {
        var run = await StartAsync(workers: 2, leafMilliseconds: 250);
        await EventAsync<StepCommitted>(s => s.Step == 2);
        _workers["w1"].Signal(WorkerProcess.Stop);
        await EventAsync<MembershipChanged>(m => m.What.StartsWith("lost w1", StringComparison.Ordinal));
        await EventAsync<StepCommitted>(s => s.Step == 3);
        _workers["w1"].Signal(WorkerProcess.Continue);
        Assert.Equal(RunEnd.Completed, (await run.WaitAsync(Patience)).End);
        Assert.Contains(All<MembershipChanged>(), m => m.What.Contains("joined w1", StringComparison.Ordinal));
        await SameWeightsAsync(run);
    }

    [Fact]
    public async Task A_worker_terminated_with_SIGTERM_leaves_and_the_run_goes_on()
    {
        var run = await StartAsync(workers: 2, leafMilliseconds: 60);
        await EventAsync<StepCommitted>(s => s.Step == 3);
        _workers["w1"].Signal(WorkerProcess.Terminate);
        await _workers["w1"].Exited.WaitAsync(Patience);
        Assert.Equal((int)WorkerEnd.Left, _workers["w1"].ExitCode);
        Assert.Equal(RunEnd.Completed, (await run.WaitAsync(Patience)).End);
        Assert.Contains(All<MembershipChanged>(), m => m.What.StartsWith("w1 leaves", StringComparison.Ordinal) && m.RecomputedLeaves == 0);
        await SameWeightsAsync(run);
    }

    void IRunObserver.On(RunEvent happened)
    {
        lock (_events)
        {
            _events.Add(happened);
            _awaited.RemoveAll(waiting => waiting.Wanted(happened) && waiting.Found.TrySetResult(happened));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var worker in _workers.Values)
        {
            await worker.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private async Task<Task<RunOutcome>> StartAsync(int workers, int leafMilliseconds)
    {
        var weights = Path.Combine(_folder, "model", "weights.bin");
        Directory.CreateDirectory(Path.GetDirectoryName(weights)!);
        await File.WriteAllBytesAsync(weights, FakeReplica.InitialWeights);
        var sha = Convert.ToHexStringLower(SHA256.HashData(FakeReplica.InitialWeights));
        var run = Coordinator.RunAsync(
            new CoordinatorOptions
            {
                Job = new Job
                {
                    RunId = Path.GetFileName(_folder),
                    RunFile = "",
                    Plan = new PlanOptions(7, 64, 16, 2, MaxSteps: Steps),
                    Files = [new JobFile("model/weights.bin", sha, FakeReplica.InitialWeights.Length, weights)],
                },
                Workers = workers,
                Token = "secret",
                OutputDirectory = Path.Combine(_folder, "out"),
                Deadlines = WorkerProcess.Deadlines,
            },
            this,
            default);
        var address = (await EventAsync<Listening>()).Control;
        for (var i = 0; i < workers; i++)
        {
            _workers[$"w{i}"] = WorkerProcess.Start($"w{i}", address, _folder, leafMilliseconds);
        }

        return run;
    }

    /// <summary>The same arithmetic without cluster, network or faults.</summary>
    private async Task SameWeightsAsync(Task<RunOutcome> run)
    {
        var world = new FakeWorld();
        using var memory = new Orchestrator.Collectives.NativeBuffers();
        var job = new Job { RunId = "alone", RunFile = "", Plan = new PlanOptions(7, 64, 16, 2, MaxSteps: Steps) };
        var files = new Dictionary<string, string> { ["model/weights.bin"] = Path.Combine(_folder, "model", "weights.bin") };
        var replica = new FakeReplica(world, "alone", job, files, memory);
        for (var step = 0L; step < Steps; step++)
        {
            var id = new StepId(1, 1, step, 0);
            await replica.ComputeAsync(new StepWork(id, 8, Deal.Even(8, 1), 0), new Alone(), default);
            await replica.ApplyAsync(id, default);
        }

        Assert.Equal(replica.Sha256, (await run).WeightsSha256);
    }

    private async Task<T> EventAsync<T>(Func<T, bool>? fits = null)
        where T : RunEvent
    {
        var found = new TaskCompletionSource<RunEvent>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_events)
        {
            if (_events.OfType<T>().FirstOrDefault(e => fits?.Invoke(e) ?? true) is { } past)
            {
                return past;
            }

            _awaited.Add((e => e is T t && (fits?.Invoke(t) ?? true), found));
        }

        try
        {
            return (T)await found.Task.WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"No {typeof(T).Name} came. What happened:\n{string.Join('\n', _events)}");
        }
    }

    private List<T> All<T>()
    {
        lock (_events)
        {
            return [.. _events.OfType<T>()];
        }
    }

    private sealed class Alone : IGradientExchange
    {
        public Task AllReduceAsync(
            StepId id,
            int bucket,
            CanonicalTree tree,
            IReadOnlyList<System.Collections.Immutable.ImmutableArray<TreeNode>> nodes,
            IReadOnlyList<FloatBuffer> mine,
            FloatBuffer result,
            CancellationToken cancellation)
        {
            mine[0].Span.CopyTo(result.Span);
            return Task.CompletedTask;
        }
    }
}
