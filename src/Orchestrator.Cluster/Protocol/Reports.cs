using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>Who is there: workers that appear, report and disappear.</summary>
internal static class Reports
{
    public static void See(CoordinatorTurn turn, string worker)
    {
        if (!turn.State.Workers.ContainsKey(worker))
        {
            turn.Put(worker, new WorkerView(turn.Now));
            Ask(turn, worker);
        }
    }

    public static void Ask(CoordinatorTurn turn, string worker) => turn.Send(
        worker, new WhereAreYou { Term = turn.State.Term, RunId = turn.Rules.RunId, Committed = turn.Committed });

    public static void Lose(CoordinatorTurn turn, string worker, string why)
    {
        if (!turn.State.Workers.TryGetValue(worker, out var view))
        {
            return;
        }

        if (view.Dropped is null)
        {
            Lost(turn, worker, why);
        }

        if (turn.State.Trouble is null)
        {
            turn.State = turn.State with { Workers = turn.State.Workers.Remove(worker) };
        }
        else
        {
            turn.Put(worker, turn.View(worker) with { Dropped = why, Gone = true });
        }
    }

    /// <summary>Asks the worker; if no answer comes for a while, a tick finds it lost.</summary>
    public static void Doubt(CoordinatorTurn turn, string worker, string why)
    {
        if (turn.State.Workers.TryGetValue(worker, out var view) && view is { Dropped: null, Doubt: null })
        {
            turn.Put(worker, view with { Doubt = (turn.Now, why) });
            turn.Because($"{turn.NameOf(worker)} is in doubt: {why}");
            Ask(turn, worker);
            turn.Do(new LookAt(worker));
        }
    }

    /// <summary>A dead process is known for dead without waiting for its silence.</summary>
    public static void Refused(CoordinatorTurn turn, string worker)
    {
        if (turn.State.Workers.TryGetValue(worker, out var view) && view.Dropped is null)
        {
            Lost(turn, worker, "its process is gone: nobody listens there any more");
        }
    }

    /// <summary>There is no doubt that the worker is lost to the run.</summary>
    public static void Lost(CoordinatorTurn turn, string worker, string why)
    {
        if (turn.State.Stage == Stage.Ending)
        {
            turn.Put(worker, turn.View(worker) with { Dropped = why });
            Endings.EndIfAllGone(turn);
        }
        else if (turn.IsMember(worker))
        {
            Generations.Blame(turn, new Blame(worker, "coordinator", why, Certain: true));
        }
        else
        {
            turn.Drop(worker, why, rejoin: true, expel: true);
            Transfers.JoinerLost(turn, worker, why);
        }
    }

    public static void Hear(CoordinatorTurn turn, string from, Here here)
    {
        if (here.Term > turn.State.Term || (here.Term == turn.State.Term && here.Coordinator != turn.State.Id))
        {
            Outbid(turn, from, here);
            return;
        }

        if (here.Gone)
        {
            Left(turn, from, here);
        }
        else if (here.Term < turn.State.Term)
        {
            Ask(turn, from);   // an answer to somebody before us
        }
        else if (turn.View(from).Dropped is { } why)
        {
            turn.Send(from, new Goodbye { Term = turn.State.Term, Reason = why, Rejoin = true });
        }
        else if (Refusal(turn, here) is { } refusal)
        {
            turn.Drop(from, refusal, rejoin: false, expel: false, refused: true);
            turn.Publish(new Warning($"Worker {here.Name} is refused: {refusal}"));
        }
        else
        {
            Take(turn, from, here);
        }
    }

    private static void Take(CoordinatorTurn turn, string from, Here here)
    {
        CompareCompute(turn, from, here);
        turn.Put(from, turn.View(from) with { Last = here });
        if (here.Leaving.Length > 0 && (!turn.IsMember(from) || turn.State.Stage == Stage.Gathering))
        {
            turn.Drop(from, here.Leaving, rejoin: false, expel: false);
            Transfers.JoinerLost(turn, from, here.Leaving);
        }
        else if (!here.Ready && here.Doing == "idle")
        {
            turn.Send(from, new TakeJob { Term = turn.State.Term, RunId = turn.Rules.RunId, Job = turn.Rules.Job, Files = turn.Rules.Files, Running = !turn.State.Members.IsEmpty });
        }

        if (turn.State.Stage == Stage.Gathering)
        {
            Gatherings.Consider(turn);
        }
        else if (here.Leaving.Length > 0 && turn.State is { Stage: Stage.Evaluating, Trouble: null } && turn.IsMember(from))
        {
            Boundary.LetGo(turn, from);
        }
    }

    /// <summary>
    /// Somebody has a newer term, or had this one first. Before anything was decided in this term, and against an equal, a higher one is claimed,
    /// and all are asked anew; but who has decided something yields to a newer one.
    /// </summary>
    private static void Outbid(CoordinatorTurn turn, string from, Here here)
    {
        if (here.Term == turn.State.Term || turn.State is { Stage: Stage.Gathering, Members: [], Lost: null })
        {
            turn.State = turn.State.Regather() with { Term = here.Term + 1 };
            turn.Enter(Stage.Gathering);
            turn.Because($"{here.Name} has seen term {here.Term}: claiming {turn.State.Term}");
            foreach (var worker in turn.Living.ToList())
            {
                turn.Put(worker, turn.View(worker) with { Last = null });
                Ask(turn, worker);
            }
        }
        else
        {
            Endings.End(turn, RunEnd.HandedOver, $"A newer coordinator has taken over: {here.Name} follows term {here.Term}, this is term {turn.State.Term}.");
        }
    }

    private static void Left(CoordinatorTurn turn, string from, Here here)
    {
        var why = here.Failed.Length > 0 ? here.Failed : here.Leaving.Length > 0 ? here.Leaving : "it left";
        var view = turn.View(from);
        turn.Put(from, view with { Last = here });
        if (view.Dropped is null)
        {
            Lost(turn, from, why);
            turn.Put(from, turn.View(from) with { Dropped = why });
        }

        if (here.Failed.Length > 0)
        {
            turn.Publish(new Warning($"Worker {here.Name} cannot work: {here.Failed}"));
        }

        if (turn.State.Stage == Stage.Ending)
        {
            Endings.EndIfAllGone(turn);
        }
    }

    /// <summary>Who computes otherwise than the others may give other last bits for the same leaves: said once, by name.</summary>
    private static void CompareCompute(CoordinatorTurn turn, string from, Here here)
    {
        if (here.Compute.Length == 0 || turn.View(from).Last is { Compute.Length: > 0 })
        {
            return;
        }

        var other = turn.State.Workers.FirstOrDefault(w => w.Key != from && w.Value is { Dropped: null, Last.Compute.Length: > 0 } && w.Value.Last.Compute != here.Compute);
        if (other.Value is not null)
        {
            turn.Publish(new Warning($"{here.Name} computes with {here.Compute}, and {other.Value.Name} with {other.Value.Last!.Compute}: "
                + "which of them computes a leaf may show in the last bits of the weights. Give all workers of a run the same processor, build, threads and fast_math."));
        }
    }

    private static string? Refusal(CoordinatorTurn turn, Here here)
    {
        if (turn.Rules.Token.Length > 0 && here.Token != turn.Rules.Token)
        {
            return "its token is not this run's: set the same token on all nodes.";
        }

        return here.RunId.Length > 0 && here.RunId != turn.Rules.RunId
            ? $"it holds the replica of run '{here.RunId}'; this is '{turn.Rules.RunId}'."
            : null;
    }
}
