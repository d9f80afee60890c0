using System.Collections.Immutable;
using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>Who is in: generations are formed, and fail.</summary>
internal static class Generations
{
    public static void Begin(CoordinatorTurn turn, ImmutableArray<string> members, Change? change)
    {
        var state = turn.State;
        turn.State = state with
        {
            Generation = state.Generation + 1,
            Members = members,
            Met = state.Met.Clear(),
            Workers = state.Workers.RemoveRange(state.Workers.Where(w => w.Value.Gone && !members.Contains(w.Key)).Select(w => w.Key)),
            Trouble = null,
            Change = change,
            Shares = members.SequenceEqual(state.Members) ? state.Shares : [],
        };
        turn.Enter(Stage.Forming);
        turn.Because($"generation {turn.State.Generation}: {change?.What ?? "the same members"}; in are {turn.NamesOf(members)}");
        SendForm(turn, members);
    }

    public static void SendForm(CoordinatorTurn turn, IEnumerable<string> to)
    {
        var endpoints = turn.State.Members.Select(member => turn.View(member).Last!.Endpoint).ToList();
        foreach (var worker in to)
        {
            var form = new FormGroup
            {
                Term = turn.State.Term,
                Generation = turn.State.Generation,
                Rank = turn.State.Members.IndexOf(worker),
                Transport = turn.Rules.Transport,
                Wire = turn.Rules.Wire,
                Connections = turn.Rules.Connections,
                Committed = turn.Committed,
            };
            form.Members.AddRange(endpoints);
            turn.Send(worker, form);
        }
    }

    public static void Met(CoordinatorTurn turn, string worker, GroupFormed met)
    {
        var state = turn.State;
        if (state.Stage != Stage.Forming || met.Generation != state.Generation || !turn.IsMember(worker))
        {
            return;
        }

        if (met.Applied != state.Step)
        {
            Blame(turn, new Blame(worker, "coordinator", $"it has applied {met.Applied} steps, the run {state.Step}", Certain: true));
            return;
        }

        turn.State = state with { Met = state.Met.SetItem(worker, met.StateDigest) };
        if (turn.State.Met.Count == state.Members.Length && turn.State.Trouble is null)
        {
            AllMet(turn);
        }
    }

    private static void AllMet(CoordinatorTurn turn)
    {
        var digests = turn.State.Met;
        var odd = turn.State.Digest is { } digest ? turn.State.Members.Where(m => digests[m] != digest).ToList() : Steps.Odd(turn.State.Members, m => digests[m]);
        foreach (var member in odd)
        {
            Blame(turn, new Blame(member, "coordinator", $"its state's digest at step {turn.State.Step} is {digests[member]:x16}, the others' is another", Certain: true));
        }

        if (odd.Count == 0)
        {
            turn.State = turn.State with { Digest = digests[turn.State.Members[0]] };
            Stands(turn);
        }
    }

    public static void NotMet(CoordinatorTurn turn, string worker, GroupFailed failed)
    {
        if (turn.State.Stage == Stage.Forming && failed.Generation == turn.State.Generation && turn.IsMember(worker))
        {
            Blame(turn, new Blame(SuspectOf(turn, failed.HasSuspect ? failed.Suspect : null), worker, failed.Reason, Certain: false));
        }
    }

    /// <summary>The id of a rank of this generation; "" where nobody is suspected.</summary>
    public static string SuspectOf(CoordinatorTurn turn, int? rank) => rank is { } r && r >= 0 && r < turn.State.Members.Length ? turn.State.Members[r] : "";

    /// <summary>Somebody is suspected, or surely lost. Others are asked for signs of life; a short while later it is decided who is out.</summary>
    public static void Blame(CoordinatorTurn turn, Blame blame)
    {
        var trouble = turn.State.Trouble ?? Open(turn);
        if (trouble.Blames.Any(b => b.By == blame.By && b.Suspect == blame.Suspect && b.Certain == blame.Certain))
        {
            return;
        }

        turn.Because($"{turn.NameOf(blame.By)} blames {(blame.Suspect.Length > 0 ? turn.NameOf(blame.Suspect) : "nobody")}: {blame.Reason}");
        turn.State = turn.State with { Trouble = trouble with { Blames = trouble.Blames.Add(blame) } };
        if (!blame.Certain && blame.Suspect.Length > 0)
        {
            turn.Do(new LookAt(blame.Suspect));
        }
    }

    /// <summary>Ends the window early where nothing more can be learnt: all suspects are surely lost, and all others have been heard.</summary>
    public static void CloseTroubleIfClear(CoordinatorTurn turn)
    {
        if (turn.State is { Trouble: { } trouble, Stage: not (Stage.Ending or Stage.Ended) })
        {
            var sure = trouble.Blames.Where(b => b.Certain).Select(b => b.Suspect).ToHashSet();
            var others = turn.State.Members.Where(m => !sure.Contains(m)).ToList();
            if (trouble.Blames.All(b => b.Suspect.Length == 0 || sure.Contains(b.Suspect)) && others.All(m => HeardSince(turn, m)) && sure.Count > 0)
            {
                Troubles.Close(turn);
            }
        }
    }

    public static bool HeardSince(CoordinatorTurn turn, string worker) => turn.View(worker).Heard > turn.State.Trouble!.Since;

    private static Trouble Open(CoordinatorTurn turn)
    {
        var until = turn.Now + turn.Rules.Deadlines.SuspectWindow;
        if (turn.State.Try is { Deal: not null } step && turn.State.Stage == Stage.Computing)
        {
            turn.SendAll(turn.State.Members, new Abort { Id = step.Id, Reason = "a worker is in trouble" });
        }

        foreach (var member in turn.State.Members)
        {
            Reports.Ask(turn, member);
        }

        turn.Do(new WakeAt(until));
        return new Trouble(turn.Now, until, []);
    }

    /// <summary>All have met: the membership stands.</summary>
    private static void Stands(CoordinatorTurn turn)
    {
        if (turn.State.Change is { } change)
        {
            var recomputed = Steps.RedealIfInHand(turn);
            var happened = new MembershipChanged(
                change.What, turn.State.Term, turn.State.Generation, turn.State.Step, (turn.Now - change.Since).TotalSeconds, recomputed, turn.MemberNames);
            turn.Publish(happened);
            turn.State = turn.State with { Change = null, Recoveries = Remember(turn.State.Recoveries, Line(happened)) };
        }

        Boundary.Continue(turn);
    }

    private static ImmutableList<string> Remember(ImmutableList<string> lines, string line) => (lines.Count < 10 ? lines : lines.RemoveAt(0)).Add(line);

    private static string Line(MembershipChanged m) => $"step {m.Step}: {m.What}; {m.Seconds:0.0} s, {m.RecomputedLeaves} leaves dealt anew; in are {string.Join(", ", m.Members)}";
}
