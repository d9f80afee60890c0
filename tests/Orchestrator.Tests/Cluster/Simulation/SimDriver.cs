using Orchestrator.Cluster.Protocol;

namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>A state on offer: a snapshot, which can be fetched until it is withdrawn.</summary>
internal sealed record Offer(string Blob, ulong Weights);

/// <summary>Does a worker's work in virtual time, with the faults that real work has: what the replica driver is to the real worker.</summary>
internal sealed partial class SimDriver(World world, SimWorker worker)
{
    private SimGroup? _group;
    private int _rank;
    private int _run;
    private int _ending;
    private bool _waiting;
    private bool _cancelled;

    public SimWorker Worker => worker;

    public SimReplica? Replica { get; private set; }

    public WorkerWork? Running { get; private set; }

    public Offer? Offer { get; private set; }

    /// <summary>Its result is there already, on the way.</summary>
    public bool IsFinishing { get; private set; }

    public bool WaitsIn(SimGroup group) => _group == group && _waiting && Running is not null;

    public void Begin(WorkerWork work)
    {
        if (Running is not null)
        {
            throw new Violation($"{worker.Name} shall begin {work.GetType().Name} while it does {Running.GetType().Name}");
        }

        (Running, IsFinishing, _waiting, _cancelled) = (work, false, false, false);
        _run++;
        Start(work);
    }

    /// <summary>The running work ends soon; an apply is not taken back.</summary>
    public void Cancel()
    {
        if (Running is null or ApplyStaged || (IsFinishing && world.Dice.Chance(0.5)))
        {
            return;
        }

        _cancelled = true;
        if (Running is MeetGroup)
        {
            LeaveGroup();
        }
        else if (Running is ComputeLeaves compute && _waiting)
        {
            _group?.Cancel(_rank, compute.Command.Id);
        }

        EndAfter(world.Dice.Milliseconds(0, 30), () => new WorkFailed("it was cancelled", Cancelled: true));
    }

    /// <summary>The process is gone, or the worker has no more part in the run: its streams break.</summary>
    public void Close()
    {
        LeaveGroup();
        Withdraw();
    }

    public void FailAfter(TimeSpan delay, string reason, int? suspect) => EndAfter(delay, () => new WorkFailed(reason, suspect));

    public void FinishAfter(TimeSpan delay, Func<WorkResult> result)
    {
        IsFinishing = true;
        EndAfter(delay, result);
    }

    public void StageAfter(TimeSpan delay, Gradient gradient)
    {
        var corrupt = worker.CorruptNext && _group!.Size > 1;
        worker.CorruptNext &= !corrupt;
        var flipped = (ulong)world.Dice.Between(1, int.MaxValue - 1);
        FinishAfter(delay, () => Stage(corrupt ? gradient with { Digest = gradient.Digest ^ flipped } : gradient));
    }

    /// <summary>Only if the present work still runs then.</summary>
    public void WhileRunning(TimeSpan delay, Action what)
    {
        var run = _run;
        worker.After(delay, () =>
        {
            if (run == _run && Running is not null)
            {
                what();
            }
        });
    }

    public WorkResult Here() => new AtStep(Replica!.Applied, Replica.Weights);

    /// <summary>The last of what is to end the work counts.</summary>
    private void EndAfter(TimeSpan delay, Func<WorkResult> result)
    {
        var (run, ending) = (_run, ++_ending);
        worker.After(delay, () =>
        {
            if (run == _run && ending == _ending && Running is { } work)
            {
                var ended = new WorkEnded(work, result());
                (Running, _waiting) = (null, false);
                worker.WorkEnds(ended);
            }
        });
    }

    private void LeaveGroup()
    {
        var group = _group;
        _group = null;
        group?.Leave(_rank);
    }

    private void Withdraw() => Offer = null;
}
