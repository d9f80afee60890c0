using System.Collections.Immutable;
using Orchestrator.Cluster.Protocol;
using Orchestrator.Cluster.Work;

namespace Orchestrator.Cluster.Actors;

/// <summary>Somebody's wish that this process leaves; whoever registers later hears it too.</summary>
internal sealed class StopWish
{
    private readonly Lock _gate = new();
    private readonly List<Action<string>> _hear = [];
    private string? _reason;

    public string? Reason => _reason;

    public void Register(Action<string> hear)
    {
        lock (_gate)
        {
            _hear.Add(hear);
        }

        if (_reason is { } reason)
        {
            hear(reason);
        }
    }

    public void Wish(string reason)
    {
        lock (_gate)
        {
            _reason ??= reason;
        }

        foreach (var hear in _hear.ToList())
        {
            hear(_reason);
        }
    }
}

/// <summary>
/// One membership of a worker in the cluster, from joining to leaving: holds the protocol's state, so that it survives the actor. Used by one thread
/// at a time: the actor's, then, when that has stopped, its owner's.
/// </summary>
internal sealed class WorkerSession(ReplicaDriver driver, WorkerRules rules, WorkerState state, StopWish stopping, WorkerOptions options) : IDisposable
{
    private readonly TaskCompletionSource<EndWorker> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _started = options.Time.GetTimestamp();
    private CancellationTokenSource? _work;
    private Task<WorkEnded>? _running;
    private WorkerState _state = state;

    public ReplicaDriver Driver => driver;

    public WorkerRules Rules => rules;

    public StopWish Stopping => stopping;

    /// <summary>Ends when the worker's part in this membership is over.</summary>
    public Task<EndWorker> Ended => _ended.Task;

    public ImmutableArray<WorkerEffect> Decide(WorkerInput input)
    {
        var before = _state;
        var decision = WorkerProtocol.Decide(_state, input, options.Time.GetElapsedTime(_started), rules);
        _state = decision.State;
        if (decision.Why.Length > 0)
        {
            options.Log?.Invoke(decision.Why);
        }

        if (before.Term != _state.Term)
        {
            options.Log?.Invoke($"follows {_state.Coordinator}, term {_state.Term}");
        }

        return decision.Effects;
    }

    public Task<WorkEnded> Begin(WorkerWork work)
    {
        _work?.Dispose();
        _work = new CancellationTokenSource();
        var cancellation = _work.Token;
        _running = Task.Run(async () => new WorkEnded(work, await driver.RunAsync(work, cancellation)), CancellationToken.None);
        return _running;
    }

    public void Cancel() => _work?.Cancel();

    public void End(EndWorker end) => _ended.TrySetResult(end);

    /// <summary>Waits for the work in hand, and gives the state with which a new membership begins; null where the work does not end: the device hangs.</summary>
    public async Task<WorkerState?> CloseAsync()
    {
        if (_work is { } work)
        {
            await work.CancelAsync();
        }

        if (_running is { } running)
        {
            await Task.WhenAny(running, Task.Delay(rules.Deadlines.Silence, options.Time));
            if (!running.IsCompleted)
            {
                return null;
            }

            var ended = await running;
            if (_state.Running == ended.Work)
            {
                _state = WorkerProtocol.Decide(_state with { Ended = false, Waiting = [] }, ended, TimeSpan.Zero, rules).State;
            }
        }

        return _state.Rejoin(TimeSpan.Zero);
    }

    public void Dispose() => _work?.Dispose();
}
