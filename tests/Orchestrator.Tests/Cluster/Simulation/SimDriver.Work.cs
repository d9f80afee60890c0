using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Protocol;
using StepId = Orchestrator.Core.StepId;

namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>Each kind of work: how long it takes, what it changes, how it fails.</summary>
internal sealed partial class SimDriver
{
    private (long Term, int Generation) _groupOf;
    private (int Computed, TimeSpan Took) _vote;
    private ulong _badLeaves;
    private int _offers;

    private void Start(WorkerWork work)
    {
        switch (work)
        {
            case PrepareJob:
                EndAfter(world.Dice.Milliseconds(20, 200), Prepare);
                break;
            case MeetGroup { Command: var form }:
                Meet(form);
                break;
            case ComputeLeaves { Command: var step }:
                Compute(step);
                break;
            case ApplyStaged { Id: var id }:
                Withdraw();
                EndAfter(world.Dice.Milliseconds(1, 10), () => Apply(id));
                break;
            case EvaluateLeaves { Command: var evaluate }:
                RequireStep(evaluate.Step);
                EndAfter(Pace(20), () => Evaluated(evaluate));
                break;
            case SaveState { Command: var save }:
                RequireStep(save.Step);
                EndAfter(Pace(40), () => Saved(save));
                break;
            case OfferOwnState { Command: var offer }:
                RequireStep(offer.Step);
                EndAfter(world.Dice.Milliseconds(1, 10), () => Offered(offer));
                break;
            case AdoptState { Command: var fetch }:
                Fetch(fetch);
                break;
        }
    }

    private AtStep Prepare()
    {
        Replica = new SimReplica(world, worker.Name);
        return (AtStep)Here();
    }

    private void Meet(FormGroup form)
    {
        LeaveGroup();
        (_group, _groupOf, _rank) = (world.GroupOf(form), (form.Term, form.Generation), form.Rank);
        if (form.Members.Count == 1)
        {
            EndAfter(world.Dice.Milliseconds(0, 2), Here);
            return;
        }

        _waiting = true;
        _group.Meet(this, _rank);
    }

    private void Compute(ComputeStep step)
    {
        StepId id = step.Id;
        if (_group is null || _groupOf != (id.Term, id.Generation))
        {
            throw new Violation($"{worker.Name} shall compute {id} in the group of term {_groupOf.Term} generation {_groupOf.Generation}");
        }

        var leaves = Bits(step.OwnLeaves());
        var fresh = Replica!.Begin(id, leaves);
        var seconds = Pace(12) * fresh;
        WhileRunning(seconds, () => Reduce(id, leaves));
        _vote = (fresh, seconds);
    }

    private void Reduce(StepId id, ulong leaves)
    {
        if (_cancelled)
        {
            return;
        }

        if (worker.FailNext)
        {
            worker.FailNext = false;
            EndAfter(TimeSpan.Zero, () => new WorkFailed("the device failed", OwnFault: true));
            return;
        }

        var bad = Replica!.Compute(leaves, worker.FlipNext);
        worker.FlipNext = false;
        var sum = 0UL;
        for (var leaf = 0; leaf < world.Scenario.Leaves; leaf++)
        {
            sum += (leaves >> leaf & 1) == 0 ? 0 : Truth.Leaf(Replica.Weights, id.Step, leaf);
        }

        _badLeaves = bad;
        _waiting = true;
        worker.LeavesAreDone(id);
        _group!.Reduce(this, _rank, id, new Part(leaves, bad, sum));
    }

    private Answer Stage(Gradient gradient)
    {
        var command = ((ComputeLeaves)Running!).Command;
        Replica!.Stage(command.Id, gradient);
        world.Ledger.Stages(worker, command.Id, gradient);
        var vote = new Prepared
        {
            Id = command.Id,
            GradientDigest = gradient.Digest,
            Finite = gradient.Finite,
            StateDigest = Replica.Weights,
            Sums = SumsOf(command.OwnLeaves()),
            Computed = command.Id.Attempt == 0 ? _vote.Computed : 0,
            Seconds = _vote.Took.TotalSeconds,
        };
        vote.BadLeaves.AddRange(Enumerable.Range(0, world.Scenario.Leaves).Where(leaf => (_badLeaves >> leaf & 1) == 1));
        return new Answer(vote);
    }

    private WorkResult Apply(StepId id)
    {
        Replica!.Apply(id);
        return Here();
    }

    private Answer Evaluated(Evaluate command)
    {
        if (!command.Sample)
        {
            return OnPairs(command);
        }

        var answer = new LeavesEvaluated { Term = command.Term, Step = command.Step, Set = command.Set, Sample = true };
        answer.Samples.Add(new Sample { Row = command.Leaves[0].Start });
        return new Answer(answer);
    }

    private Answer OnPairs(Evaluate command) => new(new LeavesEvaluated
    {
        Term = command.Term,
        Step = command.Step,
        Set = command.Set,
        Sums = QualityOf(command.Leaves.SelectMany(range => Enumerable.Range(range.Start, range.Count))),
    });

    private WorkResult Saved(Save command)
    {
        if (world.Disturbed && world.Dice.Chance(world.Scenario.Damaged))
        {
            return new WorkFailed("the disk is full", OwnFault: true);
        }

        world.Ledger.Saves(worker, command.Step, Replica!);
        var saved = new Saved { Term = command.Term, Step = command.Step, WeightsSha256 = $"{Replica!.Weights:x16}" };
        return new Answer(saved);
    }

    private Answer Offered(OfferState command)
    {
        Withdraw();
        Offer = new Offer($"{worker.Name}-{command.Step}-{++_offers}", Replica!.Weights);
        return new Answer(new StateOffered { Term = command.Term, Step = command.Step, Blob = Offer.Blob, StateDigest = Offer.Weights });
    }

    private void Fetch(FetchState fetch)
    {
        Withdraw();
        world.Ledger.Overwrites(worker, Replica!, fetch.Step);
        Replica!.Spoil();
        var source = world.WorkerAt(fetch.Source);
        var reached = source is { Alive: true, Stopped: false } && !world.Network.IsCut(worker, source);
        EndAfter(reached ? Pace(40) : world.Dice.Milliseconds(20, 2000), () => Adopt(fetch, source));
    }

    private WorkResult Adopt(FetchState fetch, SimWorker? source)
    {
        if (source is not { Alive: true, Stopped: false } || world.Network.IsCut(worker, source) || source.Driver.Offer is not { } offer || offer.Blob != fetch.Blob)
        {
            return new WorkFailed("the transfer broke");
        }

        var damaged = world.Disturbed && world.Dice.Chance(world.Scenario.Damaged);
        if (damaged && world.Protocol.VerifiesTransfers)
        {
            return new WorkFailed("the transfer's digest is wrong");
        }

        Replica!.Adopt(fetch.Step, damaged ? offer.Weights ^ 1 : offer.Weights);
        return new AtStep(fetch.Step, fetch.StateDigest);
    }

    private void RequireStep(long step)
    {
        if (Replica!.Applied != step || !Replica.Whole)
        {
            throw new Violation($"{worker.Name} works on step {step}, and is at {Replica.Applied}");
        }
    }

    private TimeSpan Pace(double milliseconds) => world.Dice.Milliseconds(milliseconds / 2, milliseconds * 2) * (worker.IsSlow ? 8 : 1);

    private static ulong Bits(IEnumerable<int> leaves) => leaves.Aggregate(0UL, (bits, leaf) => bits | 1UL << leaf);

    private Sums QualityOf(IEnumerable<int> leaves)
    {
        var sums = new Sums();
        sums.Names.Add("quality");
        foreach (var leaf in leaves)
        {
            sums.Leaves.Add(leaf);
            sums.Values.Add(Truth.Quality(Replica!.Weights, leaf));
            sums.Weights.Add(0);
        }

        return sums;
    }

    private static Sums SumsOf(IEnumerable<int> leaves)
    {
        var sums = new Sums();
        sums.Names.Add("leaves");
        foreach (var leaf in leaves)
        {
            sums.Leaves.Add(leaf);
            sums.Values.Add(1);
            sums.Weights.Add(0);
        }

        return sums;
    }
}
