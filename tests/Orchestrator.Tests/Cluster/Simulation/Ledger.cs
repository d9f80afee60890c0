using System.Collections.Immutable;
using Orchestrator.Cluster;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Protocol;
using StepId = Orchestrator.Core.StepId;

namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>Sees everything that is staged, decided, applied and overwritten, and checks the invariants I1 to I5 of it.</summary>
internal sealed class Ledger(World world)
{
    private readonly Dictionary<(SimWorker, StepId), ulong> _staged = [];
    private readonly Dictionary<(SimCoordinator, long Step), ulong> _decided = [];
    private readonly HashSet<long> _saved = [];
    private bool _isOver;

    /// <summary>I2, I4: whoever has applied s steps holds exactly what s steps give.</summary>
    public void Check()
    {
        foreach (var worker in world.Workers)
        {
            if (worker is { Alive: true, Driver.Replica: { Whole: true } replica } && replica.Weights != world.Truth.WeightsAfter(replica.Applied))
            {
                throw new Violation($"I2: {worker.Name} has applied {replica.Applied} steps and holds {replica.Weights:x16}, not {world.Truth.WeightsAfter(replica.Applied):x16}");
            }
        }
    }

    public void Stages(SimWorker worker, StepId id, Gradient gradient) => _staged[(worker, id)] = gradient.Digest;

    /// <summary>I3: every leaf is in it, once.</summary>
    public void Applies(string worker, StepId id, Gradient gradient)
    {
        if (gradient.CountedTwice || gradient.Counted != world.Truth.AllLeaves)
        {
            throw new Violation($"I3: {worker} applies {id} with leaves {gradient.Counted:b} of {world.Truth.AllLeaves:b}{(gradient.CountedTwice ? ", some twice" : "")}");
        }
    }

    /// <summary>I1: the last one that holds a committed step does not give it away for an earlier state.</summary>
    public void Overwrites(SimWorker worker, SimReplica replica, long step)
    {
        if (replica.Whole && replica.Applied > step
            && !world.Workers.Any(w => w != worker && w is { Alive: true, Driver.Replica: { Whole: true } other } && other.Applied >= replica.Applied))
        {
            throw new Violation($"I1: {worker.Name} alone holds step {replica.Applied}, and takes over the state of step {step}");
        }
    }

    public void Saves(SimWorker worker, long step, SimReplica replica)
    {
        if (replica.Applied != step || replica.Weights != world.Truth.WeightsAfter(step))
        {
            throw new Violation($"I2: {worker.Name} saves step {step} and holds step {replica.Applied}");
        }

        _saved.Add(step);
    }

    /// <summary>I5: a worker never goes back to an older term, and applies only what the coordinator of the newest term that it has seen decided.</summary>
    public void Decides(SimWorker worker, WorkerState before, ImmutableArray<WorkerEffect> effects)
    {
        if (worker.State.Term < before.Term)
        {
            throw new Violation($"I5: {worker.Name} followed term {before.Term} and follows {worker.State.Term}");
        }

        foreach (var effect in effects)
        {
            if (effect is BeginWork { Work: ApplyStaged { Id: var id } } && !IsOrdered(worker, id))
            {
                throw new Violation($"I5: {worker.Name} applies {id}, which {worker.State.Coordinator} of term {worker.State.Term} has not decided");
            }
        }
    }

    /// <summary>I3, I4: what is committed is the next step, and all members have staged it with one digest; every leaf's metrics are counted once.</summary>
    public void Decides(SimCoordinator coordinator, CoordinatorState before, ImmutableArray<CoordinatorEffect> effects)
    {
        var state = coordinator.State;
        if (state.Committed is { } committed && state.Committed != before.Committed)
        {
            _decided[(coordinator, committed.Id.Step)] = committed.Gradient;
        }

        _isOver |= state is { Stage: Stage.Ending, Outcome.End: RunEnd.Completed };   // goodbyes are said: if it dies now, nobody is left to tell
        foreach (var effect in effects)
        {
            if (effect is Publish { Event: StepCommitted { Retold: false } step })
            {
                CheckCommit(coordinator, before, step);
            }
            else if (effect is Publish { Event: BestCheckpoint best })
            {
                CheckBest(coordinator, best);
            }
        }
    }

    public void Ends(SimCoordinator coordinator, RunOutcome outcome)
    {
        _isOver |= outcome.Reason.StartsWith("The last worker has left", StringComparison.Ordinal);   // others may still be loading
        _isOver |= outcome.End == RunEnd.Failed
            && !world.Workers.Any(w => w is { Alive: true, Driver.Replica: { Whole: true } replica } && replica.Applied >= coordinator.State.Step);
        var steps = world.Truth.LastStep;
        if (outcome.End == RunEnd.Completed && (outcome.Step != steps
            || (outcome.Checkpoint == world.Scenario.Rules.CheckpointOf(steps) && (!_saved.Contains(steps) || outcome.WeightsSha256 != $"{world.Truth.WeightsAfter(steps):x16}"))))
        {
            throw new Violation($"I2: {coordinator.Name} has completed step {outcome.Step} of {steps} with {outcome.WeightsSha256}");
        }
    }

    public void CheckEnd(RunOutcome? outcome)
    {
        if (world.Scenario.MustComplete && !_isOver && outcome?.End != RunEnd.Completed)
        {
            throw new Violation($"liveness: the run could have been completed, and was not: {outcome?.Reason ?? "nobody coordinated it any more"}");
        }
    }

    /// <summary>What evaluations showed survives whoever coordinates: the best is the best of all evaluations so far.</summary>
    private void CheckBest(SimCoordinator coordinator, BestCheckpoint best)
    {
        var seen = world.Truth.SeenAt(best.Step);
        if (seen.BestStep != best.Step || seen.Best != best.Value || !_saved.Contains(best.Step))
        {
            throw new Violation($"I2: {coordinator.Name} calls step {best.Step} the best with {best.Value}; the best so far is step {seen.BestStep} with {seen.Best}");
        }
    }

    private void CheckCommit(SimCoordinator coordinator, CoordinatorState before, StepCommitted step)
    {
        var takesOver = before.Stage == Stage.Gathering;
        var members = takesOver ? coordinator.State.Members : before.Members;
        if (!takesOver && step.Id.Step != before.Step)
        {
            throw new Violation($"I3: {coordinator.Name} commits {step.Id} after {before.Step} steps");
        }

        if (step.Step > world.Truth.LastStep)
        {
            throw new Violation($"I2: {coordinator.Name} commits step {step.Step}, and the run ends early after {world.Truth.LastStep}");
        }

        var digests = members.Select(m => _staged.TryGetValue((world.Members.Find(m)!, step.Id), out var digest) ? digest : (ulong?)null).Distinct().ToList();
        if (digests is not [not null])
        {
            throw new Violation($"I4: {coordinator.Name} commits {step.Id}; its members {string.Join(", ", members)} have staged [{string.Join(", ", digests.Select(d => d?.ToString("x16") ?? "nothing"))}]");
        }

        if (!takesOver && (int)step.Metrics[0].Sum != world.Scenario.Leaves)
        {
            throw new Violation($"I3: {coordinator.Name} commits {step.Id} with the metrics of {step.Metrics[0].Sum} leaves");
        }
    }

    private bool IsOrdered(SimWorker worker, StepId id)
    {
        var coordinator = world.CoordinatorCalled(worker.State.Coordinator)!;
        return _decided.TryGetValue((coordinator, id.Step), out var decided) && _staged.TryGetValue((worker, id), out var staged) && staged == decided;
    }
}
