using System.Collections.Immutable;
using Orchestrator.Cluster.Messages;
using Orchestrator.Core;

namespace Orchestrator.Cluster.Protocol;

/// <summary>The ordinary step: deal, votes, commit.</summary>
internal static class Steps
{
    /// <summary>Deals the step in hand, anew where somebody who had leaves is not there any more.</summary>
    public static void Deal(CoordinatorTurn turn)
    {
        var state = turn.State;
        var leaves = turn.Rules.Plan.LeavesInStep(state.Step);
        if (state.Try is null)
        {
            var owners = Fresh(turn, leaves);   // changes the shares of the state, so it comes first
            turn.State = turn.State with { Try = new StepTry(new StepId(state.Term, state.Generation, state.Step, -1), owners, turn.Now) };
        }

        RedealIfInHand(turn);
        var step = turn.State.Try!;
        var id = new StepId(state.Term, state.Generation, state.Step, step.Id.Attempt + 1);
        var deal = new ComputeStep { Id = id, Leaves = leaves, PackedDeal = ComputeStep.Pack(Dealing.Of(step.Owners, state.Members)), Committed = turn.Committed, Seen = Seen.Of(state.Seen) };
        turn.State = turn.State with { Try = step with { Id = id, Deal = deal, Votes = step.Votes.Clear() } };
        turn.Tell(RunPhase.Training, $"step {state.Step} of {turn.Rules.Steps}");
        turn.Enter(Stage.Computing);
        SendDeal(turn, state.Members);
    }

    public static void SendDeal(CoordinatorTurn turn, IEnumerable<string> to)
    {
        var ranks = turn.State.Members.Select((member, rank) => (member, rank)).ToDictionary(pair => pair.member, pair => pair.rank);
        foreach (var worker in to)
        {
            var deal = turn.State.Try!.Deal!.Clone();
            deal.Rank = ranks[worker];
            turn.Send(worker, deal);
        }
    }

    /// <summary>Gives the leaves of those who are gone to those who are here.</summary>
    /// <returns>How many leaves were dealt anew.</returns>
    public static int RedealIfInHand(CoordinatorTurn turn)
    {
        if (turn.State.Try is not { } step)
        {
            return 0;
        }

        var (owners, lost) = Dealing.Redeal(step.Owners, turn.State.Members, turn.State.Members);
        turn.State = turn.State with { Try = step with { Owners = owners } };
        return lost;
    }

    public static void Prepared(CoordinatorTurn turn, string worker, Prepared vote)
    {
        var state = turn.State;
        if (state.Stage != Stage.Computing || state.Try is not { } step || (StepId)vote.Id != step.Id || state.Trouble is not null || !turn.IsMember(worker))
        {
            return;
        }

        if (vote.Computed > 0 && step.Id.Attempt == 0 && !step.Votes.ContainsKey(worker))
        {
            turn.Put(worker, turn.View(worker) with { Pace = Dealing.Measure(turn.View(worker).Pace, vote.Seconds, vote.Computed) });
        }

        turn.State = state with { Workers = turn.State.Workers, Try = step with { Votes = step.Votes.SetItem(worker, vote) } };
        DecideIfComplete(turn);
    }

    public static void Failed(CoordinatorTurn turn, string worker, StepFailed failed)
    {
        if (turn.State.Stage == Stage.Computing && turn.State.Try is { } step && (StepId)failed.Id == step.Id && turn.IsMember(worker))
        {
            var suspect = failed.OwnFault ? worker : Generations.SuspectOf(turn, failed.HasSuspect ? failed.Suspect : null);
            Generations.Blame(turn, new Blame(suspect, worker, failed.Reason, failed.OwnFault));
        }
    }

    /// <summary>All have voted, and nobody is on the way in: commit, or say why not.</summary>
    public static void DecideIfComplete(CoordinatorTurn turn)
    {
        var state = turn.State;
        if (state.Stage != Stage.Computing || state.Trouble is not null || state.Try is not { } step || step.Votes.Count < state.Members.Length)
        {
            return;
        }

        var votes = step.Votes;
        if (Odd(state.Members, m => votes[m].StateDigest) is { Count: > 0 } drifted)
        {
            BlameAll(turn, drifted, $"the digest of its state before step {state.Step} differs from the others'");
        }
        else if (Odd(state.Members, m => votes[m].GradientDigest) is { Count: > 0 } odd)
        {
            BlameAll(turn, odd, $"the digest of its gradient of step {state.Step} differs from the others'");
        }
        else if (votes.Values.Any(vote => !vote.Finite) && NotFinite(turn, step))
        {
            turn.Because("the gradient is not finite");
        }
        else if (state.Transfer is { IsOver: false })
        {
            turn.Because("the votes wait for joiners that are taking the state over");
        }
        else if (Transfers.Take(turn) is { IsEmpty: false } joiners)
        {
            Generations.Begin(turn, [.. state.Members, .. joiners], new Change($"joined {turn.NamesOf(joiners)}", turn.Now));
        }
        else
        {
            Commit(turn, step);
        }
    }

    public static void PublishCommitted(
        CoordinatorTurn turn, StepId id, ImmutableArray<Prepared> votes, TimeSpan took, int workers, bool skipped, bool retold = false)
    {
        var plan = turn.Rules.Plan;
        var leaves = votes.SelectMany(vote => vote.Sums.ToLeafSums()).DistinctBy(leaf => leaf.Leaf).ToList();
        if (leaves.Count < plan.LeavesInStep(id.Step))
        {
            turn.Publish(new Warning($"Step {id.Step + 1}: its metrics are of {leaves.Count} of {plan.LeavesInStep(id.Step)} leaves; who computed the others is gone. Its gradient is whole."));
        }

        ImmutableArray<MetricSum> metrics =
        [
            .. LeafSums.Total(leaves),
            new MetricSum("grad_norm", votes[0].GradientNorm, 0),
            new MetricSum("learning_rate", votes[0].LearningRate, 0),
            new MetricSum("epoch", plan.EpochAt(id.Step + 1), 0),
        ];
        turn.Publish(new StepCommitted(id.Step + 1, plan.Steps, id, metrics, plan.PairsInStep(id.Step), took.TotalSeconds, workers, skipped) { Retold = retold });
    }

    private static void Commit(CoordinatorTurn turn, StepTry step)
    {
        var votes = turn.State.Members.Select(member => step.Votes[member]).ToImmutableArray();
        PublishCommitted(turn, step.Id, votes, turn.Now - step.Since, votes.Length, skipped: !votes[0].Finite);
        turn.State = turn.State with { Committed = new CommittedStep(step.Id, votes[0].GradientDigest), Step = step.Id.Step + 1, Digest = null, Try = null, Transfer = null };
        foreach (var member in turn.State.Members.Where(m => turn.View(m).Strikes > 0))
        {
            turn.Put(member, turn.View(member) with { Strikes = 0 });
        }

        turn.Because($"{step.Id} is committed");
        Boundary.Continue(turn);
    }

    /// <returns>False where the step shall be committed without its gradient.</returns>
    private static bool NotFinite(CoordinatorTurn turn, StepTry step)
    {
        var bad = step.Votes.SelectMany(v => v.Value.BadLeaves.Select(leaf => (leaf, Worker: turn.NameOf(v.Key)))).OrderBy(b => b.leaf).ToList();
        var where = bad.Count == 0 ? "in no single leaf" : string.Join(", ", bad.Select(b => $"leaf {b.leaf} on {b.Worker}"));
        if (step.BadTries == 0)
        {
            turn.Publish(new Warning($"Step {step.Id.Step}: the gradient is not finite ({where}). It is computed once more."));
            turn.State = turn.State with { Try = step with { BadTries = 1, Owners = Elsewhere(step.Owners, turn.State.Members, bad.Select(b => b.leaf)) } };
            Deal(turn);
            return true;
        }

        var what = $"Step {step.Id.Step}: the gradient is not finite again ({where})";
        if (turn.Rules.NonFinite == NonFinitePolicy.Skip)
        {
            turn.Publish(new Warning($"{what}. The step is committed without it."));
            return false;
        }

        turn.State = turn.State with { EndEarly = (RunEnd.Failed, $"{what}. Lower the learning rate, look at the pairs of these leaves, or let such steps be skipped."), Try = null };
        Boundary.Continue(turn);
        return true;
    }

    /// <summary>Bad leaves go to the next rank: if it was a flipped bit, or a broken device, another one computes them well.</summary>
    private static ImmutableArray<string> Elsewhere(ImmutableArray<string> owners, ImmutableArray<string> members, IEnumerable<int> leaves)
    {
        var moved = owners.ToBuilder();
        foreach (var leaf in leaves.Where(leaf => leaf >= 0 && leaf < owners.Length))
        {
            moved[leaf] = members[(members.IndexOf(owners[leaf]) + 1) % members.Length];
        }

        return moved.ToImmutable();
    }

    /// <summary>Members whose value is not that of the most; of equally many, the lowest rank's side is right.</summary>
    public static List<string> Odd(ImmutableArray<string> members, Func<string, ulong> value) =>
        [.. members.GroupBy(value).OrderByDescending(group => group.Count()).Skip(1).SelectMany(group => group)];

    private static void BlameAll(CoordinatorTurn turn, List<string> members, string reason)
    {
        foreach (var member in members)
        {
            Generations.Blame(turn, new Blame(member, "coordinator", reason, Certain: true));
        }
    }

    private static ImmutableArray<string> Fresh(CoordinatorTurn turn, int leaves)
    {
        var state = turn.State;
        var paces = state.Members.Select(member => turn.View(member).Pace).ToList();
        var shares = Dealing.Shares(leaves, paces, state.Shares);
        var before = state.Shares.Length == shares.Length && state.Shares.Sum() == leaves ? state.Shares : Dealing.Even(leaves, shares.Length);
        if (!shares.SequenceEqual(before))
        {
            var seconds = string.Join(", ", state.Members.Select((m, rank) => $"{turn.NameOf(m)} takes {paces[rank]!.SecondsPerLeaf:0.000} s a leaf: {before[rank]} -> {shares[rank]} leaves"));
            turn.Publish(new DealChanged(state.Step, shares, seconds));
        }

        turn.State = turn.State with { Shares = shares };
        return Dealing.Owners(shares, state.Members);
    }
}
