using System.Collections.Immutable;
using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>Between two steps, or with the step in hand to be dealt again: what comes next. The order of the rows is the order of precedence.</summary>
internal static class Boundary
{
    private enum Next
    {
        Retry,
        Evaluate,
        Save,
        End,
        Regroup,
        Compute,
    }

    public static void Continue(CoordinatorTurn turn)
    {
        var next = What(turn);
        if (next is not (Next.Compute or Next.Retry) && turn.State.Committed is not null)
        {
            turn.SendAll(turn.State.Members, new Commit { Term = turn.State.Term, Committed = turn.Committed });
        }

        switch (next)
        {
            case Next.Evaluate:
                Evaluations.Begin(turn);
                break;
            case Next.Save:
                Savings.Begin(turn);
                break;
            case Next.End:
                Endings.Begin(turn);
                break;
            case Next.Regroup:
                Regroup(turn);
                break;
            default:
                Transfers.BeginIfWanted(turn);
                Steps.Deal(turn);
                break;
        }
    }

    private static Next What(CoordinatorTurn turn)
    {
        var state = turn.State;
        var allLeave = state.Members.All(m => turn.View(m).IsLeaving);
        var ends = state.EndEarly is not null || state.Step >= turn.Rules.Steps || (allLeave && Transfers.Joiners(turn).Count == 0);
        return state.Try is not null && !(ends && state.EndEarly is { End: RunEnd.Failed }) ? Next.Retry
            : !allLeave && Evaluations.IsDue(turn) ? Next.Evaluate
            : Savings.IsDue(turn, ends) ? Next.Save
            : ends ? Next.End
            : state.Change is not null || (!allLeave && state.Members.Any(m => turn.View(m).IsLeaving)) || InStep(turn).Any() ? Next.Regroup
            : Next.Compute;
    }

    /// <summary>
    /// Who is leaving is let go, and who already holds this step's state comes in. Where all are leaving and others have yet to take the state
    /// over, they stay for that.
    /// </summary>
    private static void Regroup(CoordinatorTurn turn)
    {
        var coming = InStep(turn).ToList();
        var leaving = turn.State.Members.Where(m => turn.View(m).IsLeaving).ToList();
        if (coming.Count == 0 && leaving.Count == turn.State.Members.Length)
        {
            leaving.Clear();
        }

        var change = turn.State.Change;
        foreach (var worker in leaving)
        {
            change = Change.Join(change, Farewell(turn, worker), turn.Now);
        }

        if (coming.Count > 0)
        {
            change = Change.Join(change, $"joined {turn.NamesOf(coming)}", turn.Now);
        }

        Generations.Begin(turn, [.. turn.State.Members.Except(leaving), .. coming], change);
    }

    /// <summary>A member wants to leave while a set is evaluated: nothing holds it, unless it is the last.</summary>
    public static void LetGo(CoordinatorTurn turn, string worker)
    {
        Evaluations.WorkerLost(turn, worker);
        if (turn.State.Members.Length == 1)
        {
            turn.State = turn.State with { Evaluation = null };
        }
        else
        {
            var change = Change.Join(turn.State.Change, Farewell(turn, worker), turn.Now);
            turn.State = turn.State with { Members = turn.State.Members.Remove(worker), Change = change };
        }

        Continue(turn);
    }

    private static string Farewell(CoordinatorTurn turn, string worker)
    {
        var why = turn.View(worker).Last!.Leaving;
        turn.Drop(worker, why, rejoin: false, expel: false);
        return $"{turn.NameOf(worker)} leaves: {why}";
    }

    private static IEnumerable<string> InStep(CoordinatorTurn turn) => turn.State.Workers
        .Where(w => w.Value.IsReady && !turn.IsMember(w.Key) && w.Value.Last!.Applied == turn.State.Step && turn.State.Digest == w.Value.Last.StateDigest)
        .Select(w => w.Key);
}
