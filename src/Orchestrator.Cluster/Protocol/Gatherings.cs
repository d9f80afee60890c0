using System.Collections.Immutable;
using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>
/// Before the first generation of a term. A fresh run waits for its workers. After a hand-over: if anyone applied the step in question, all
/// who staged it commit it; if all staged it, it is committed; else it is tried again. After the loss of the last worker: one that holds the state is waited for.
/// </summary>
internal static class Gatherings
{
    public static void Consider(CoordinatorTurn turn)
    {
        var state = turn.State;
        if (state.EndEarly is not null)
        {
            Endings.Begin(turn);
            return;
        }

        if (!AllAnswered(turn) && turn.Now - state.StageSince < turn.Rules.Deadlines.Takeover)
        {
            return;   // one of them may hold more than those that have answered
        }

        if (IsTakeover(turn))
        {
            TakeOver(turn);
        }
        else
        {
            Fresh(turn);
        }
    }

    /// <summary>Some worker has worked for this run already, or this coordinator has.</summary>
    private static bool IsTakeover(CoordinatorTurn turn) => turn.State.Lost is not null
        || turn.State.Workers.Values.Any(w => w.Dropped is null && w.Last is { } here && (here.GroupTerm > 0 || here.Applied > turn.Rules.StartStep));

    private static bool AllAnswered(CoordinatorTurn turn) => turn.State.Lost is not null || turn.Living.All(w => turn.View(w).Last is not null);

    private static void Fresh(CoordinatorTurn turn)
    {
        var ready = Ready(turn).Where(w => turn.View(w).Last!.Applied >= 0).ToList();
        turn.State = turn.State with { Phase = RunPhase.Gathering };
        var waited = turn.Now - turn.State.StageSince;
        if (!AllAnswered(turn) && waited < turn.Rules.Deadlines.Takeover)
        {
            return;   // one of them may know of an earlier coordinator, and hold its steps
        }

        if (ready.Count < turn.Rules.Workers && (waited < turn.Rules.Deadlines.Work || ready.Count == 0))
        {
            if (waited >= turn.Rules.Deadlines.Work)
            {
                Endings.End(turn, RunEnd.Failed, $"No worker was ready within {waited.TotalSeconds:0} s.");
            }

            return;
        }

        if (ready.Count < turn.Rules.Workers)
        {
            turn.Publish(new Warning($"{ready.Count} of {turn.Rules.Workers} workers are ready after {waited.TotalSeconds:0} s: the run begins with them."));
        }

        Begin(turn, ready, "the run begins");
    }

    private static void TakeOver(CoordinatorTurn turn)
    {
        var ready = Ready(turn).Where(w => turn.View(w).Last!.Applied >= 0).ToList();
        var applied = ready.Select(w => turn.View(w).Last!.Applied).DefaultIfEmpty(-1).Max();
        if (ready.Count == 0 || (turn.State.Lost is not null && applied < turn.State.Step))   // one that has the last step staged applies it when asked
        {
            GiveUpIfLate(turn);
            return;
        }

        var front = ready.Where(w => turn.View(w).Last!.Applied == applied).ToList();
        Retell(turn, front, applied);
        if (turn.State.Lost is null && StagedByAll(turn, front) is { } decided)
        {
            CommitStaged(turn, front, decided);
            applied++;
        }
        else
        {
            Follow(turn, front, ready.Except(front));
        }

        turn.State = turn.State with { Step = applied, Seen = Selections.Newest(turn, front, applied) };
        RememberOwners(turn, front, applied);
        Begin(turn, front, turn.State.Lost is { } lost ? $"{lost}; {turn.NamesOf(front)} still held step {applied}" : "a new coordinator took over");
    }

    /// <summary>The last step that was applied may have been decided by somebody who died before telling anybody: told again, from the votes on it.</summary>
    private static void Retell(CoordinatorTurn turn, List<string> front, long applied)
    {
        if (applied <= turn.State.Step || turn.View(front[0]).Last!.AppliedId is not { } id)
        {
            return;
        }

        ImmutableArray<Prepared> votes =
        [
            .. turn.Living.SelectMany(w => new[] { turn.View(w).AppliedVote, turn.View(w).Vote }).OfType<Prepared>().Where(vote => vote.Id.Equals(id)),
        ];
        if (votes.Length > 0)
        {
            Steps.PublishCommitted(turn, id, votes, TimeSpan.Zero, front.Count, skipped: !votes[0].Finite, retold: true);
        }
    }

    private static void GiveUpIfLate(CoordinatorTurn turn)
    {
        if (turn.Now - turn.State.StageSince >= turn.Rules.Deadlines.AllLost)
        {
            var lost = turn.State.Lost ?? "no worker is left";
            Endings.End(turn, RunEnd.Failed, $"All workers are lost ({lost}), and none that holds step {turn.State.Step} came back. {Endings.ResumeHint(turn)}");
        }
    }

    /// <summary>
    /// The vote that all of them have given on the next step, if it is one and a good one. One copy alone proves nothing, those it was to be compared with
    /// being gone: it is tried again, which recomputes only their leaves.
    /// </summary>
    private static Here? StagedByAll(CoordinatorTurn turn, List<string> front)
    {
        var here = front.Select(w => turn.View(w).Last!).ToList();
        var votes = front.Select(w => turn.View(w).Vote).ToList();
        var first = here[0];
        return front.Count > 1
            && first.Staged is not null
            && first.Staged.Step == first.Applied
            && here.All(h => h.Staged is not null && h.Staged.Equals(first.Staged) && h.StagedGradient == first.StagedGradient && h.StateDigest == first.StateDigest)
            && votes.All(v => v is { Finite: true } && v.Id.Equals(first.Staged))
            ? first
            : null;
    }

    private static void CommitStaged(CoordinatorTurn turn, List<string> front, Here decided)
    {
        turn.State = turn.State with { Committed = new CommittedStep(decided.Staged, decided.StagedGradient) };
        turn.SendAll(front, new Commit { Term = turn.State.Term, Committed = turn.Committed });
        Steps.PublishCommitted(turn, decided.Staged, [.. front.Select(w => turn.View(w).Vote!)], TimeSpan.Zero, front.Count, skipped: false);
        turn.Because($"all {front.Count} have staged {(StepId)decided.Staged}: it is committed");
    }

    /// <summary>Those one step behind who have staged what the front has applied, commit it too, and are in with the next generation.</summary>
    private static void Follow(CoordinatorTurn turn, List<string> front, IEnumerable<string> others)
    {
        var first = turn.View(front[0]).Last!;
        turn.State = turn.State with { Committed = first.AppliedId is null ? null : new CommittedStep(first.AppliedId, first.AppliedGradient) };
        foreach (var worker in others.ToList())
        {
            var here = turn.View(worker).Last!;
            if (first.AppliedId is not null && here.Staged is not null && here.Staged.Step == first.AppliedId.Step
                && here.Applied == first.AppliedId.Step && here.StagedGradient == first.AppliedGradient)
            {
                turn.Send(worker, new Commit { Term = turn.State.Term, Committed = turn.Committed });
                front.Add(worker);
            }
        }
    }

    /// <summary>What a worker was dealt of the step in hand, it may hold the sums of: it gets the same leaves again.</summary>
    private static void RememberOwners(CoordinatorTurn turn, List<string> front, long step)
    {
        if (step >= turn.Rules.Steps)
        {
            return;
        }

        var owners = Enumerable.Repeat("", turn.Rules.Plan.LeavesInStep(step)).ToArray();
        foreach (var worker in front)
        {
            var here = turn.View(worker).Last!;
            foreach (var leaf in here.DealtStep == step && here.Dealt is not null ? here.Dealt.All.Where(leaf => leaf < owners.Length) : [])
            {
                owners[leaf] = worker;
            }
        }

        if (owners.Any(owner => owner.Length > 0))
        {
            turn.State = turn.State with { Try = new StepTry(new StepId(turn.State.Term, 0, step, -1), [.. owners], turn.Now) };
        }
    }

    private static IEnumerable<string> Ready(CoordinatorTurn turn) => turn.State.Workers.Where(w => w.Value.IsReady).Select(w => w.Key);

    private static void Begin(CoordinatorTurn turn, List<string> members, string what)
    {
        var newest = members.Max(w => turn.View(w).Last!.GroupGeneration);
        turn.State = turn.State with
        {
            Generation = Math.Max(turn.State.Generation, newest),
            Lost = null,
            Digest = turn.State.Step == turn.Rules.StartStep ? turn.Rules.StartDigest : null,
        };
        Generations.Begin(turn, [.. members], new Change(what, turn.State.StageSince));
    }
}
