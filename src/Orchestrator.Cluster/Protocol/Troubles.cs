using System.Collections.Immutable;

namespace Orchestrator.Cluster.Protocol;

/// <summary>
/// The window after a failure is over: who is out? Whoever is surely lost; whoever is blamed and gave no sign of life meanwhile; and whoever is
/// blamed, alive, and was blamed before for the same step (a link between two living workers that stays broken costs one of them its place).
/// </summary>
internal static class Troubles
{
    public static void Close(CoordinatorTurn turn)
    {
        var trouble = turn.State.Trouble!;
        var members = turn.State.Members;
        var lost = new Dictionary<string, string>();
        foreach (var blame in trouble.Blames.Where(b => members.Contains(b.Suspect)).OrderByDescending(b => b.Certain))
        {
            if (blame.Certain || !Generations.HeardSince(turn, blame.Suspect))
            {
                lost.TryAdd(blame.Suspect, blame.Reason);
            }
        }

        if (lost.Count == 0)
        {
            Strike(turn, trouble, lost);
        }

        GoOn(turn, trouble, lost);
    }

    private static void Strike(CoordinatorTurn turn, Trouble trouble, Dictionary<string, string> lost)
    {
        var blamed = trouble.Blames.Select(b => b.Suspect.Length > 0 ? b : b with { Suspect = b.By }).Where(b => turn.IsMember(b.Suspect)).GroupBy(b => b.Suspect)
            .OrderByDescending(g => g.Count()).ThenByDescending(g => turn.State.Members.IndexOf(g.Key)).ToList();
        foreach (var suspect in blamed)
        {
            turn.Put(suspect.Key, turn.View(suspect.Key) with { Strikes = turn.View(suspect.Key).Strikes + 1 });
        }

        if (blamed.Count > 0 && turn.View(blamed[0].Key).Strikes > 1)
        {
            lost[blamed[0].Key] = $"it lives, but {turn.NamesOf(blamed[0].Select(b => b.By).Distinct())} cannot work with it: {blamed[0].First().Reason}";
        }
    }

    private static void GoOn(CoordinatorTurn turn, Trouble trouble, Dictionary<string, string> lost)
    {
        foreach (var (worker, why) in lost)
        {
            Transfers.SourceLost(turn, worker);
            Evaluations.WorkerLost(turn, worker);
            Savings.WorkerLost(turn, worker, why);
            turn.Drop(worker, why, rejoin: true, expel: !Generations.HeardSince(turn, worker));
        }

        var adopted = Transfers.Take(turn);
        ImmutableArray<string> left = [.. turn.State.Members.Where(m => !lost.ContainsKey(m) && turn.View(m).Dropped is null), .. adopted];
        var what = lost.Count == 0
            ? $"a step failed, all live: {trouble.Blames.FirstOrDefault()?.Reason}"
            : string.Join("; ", lost.Select(l => $"lost {turn.NameOf(l.Key)}: {l.Value}"));
        if (left.IsEmpty)
        {
            AllLost(turn, what);
            return;
        }

        var change = Change.Join(turn.State.Change, what, trouble.Since);
        if (turn.State.Stage is Stage.Evaluating or Stage.Saving)
        {
            turn.State = turn.State with { Members = left, Trouble = null, Change = change };   // needs no collective: the next step forms the generation
            Boundary.Continue(turn);
        }
        else
        {
            Generations.Begin(turn, left, change);
        }
    }

    private static void AllLost(CoordinatorTurn turn, string what)
    {
        turn.State = turn.State.Regather() with { Lost = what };
        turn.Enter(Stage.Gathering);
        turn.Publish(new Warning($"No worker is left ({what}). Waiting {turn.Rules.Deadlines.AllLost.TotalSeconds:0.#} s for one that still holds step {turn.State.Step}."));
        turn.Do(new WakeAt(turn.Now + turn.Rules.Deadlines.AllLost));
    }
}
