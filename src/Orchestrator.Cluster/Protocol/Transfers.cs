using System.Collections.Immutable;
using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>
/// Workers come in while the run goes on: a member offers its state at a step's beginning, the joiners take it over while the step is computed,
/// and before it is committed they enter, as a new generation that reduces the step again; nothing is recomputed for it. A worker that is ahead of the
/// run (it was cut off while others tried its last step again) keeps what it holds, and enters when the run has caught up.
/// </summary>
internal static class Transfers
{
    /// <summary>A joiner that fails so often is not let in.</summary>
    private const int TriesAllowed = 3;

    public static void BeginIfWanted(CoordinatorTurn turn)
    {
        var state = turn.State;
        var joiners = Joiners(turn);
        if (joiners.Count == 0 || state.Transfer is not null)
        {
            return;
        }

        turn.State = state with { Transfer = new Transfer(state.Step, Source(turn, joiners), null, joiners.ToImmutableSortedDictionary(j => j, _ => (string?)null, StringComparer.Ordinal), turn.Now) };
        turn.Because($"{turn.NamesOf(joiners)} take the state of step {state.Step} from {turn.NameOf(turn.State.Transfer.Source)}");
        Repeat(turn);
    }

    /// <summary>Who could take the state of this step over.</summary>
    public static List<string> Joiners(CoordinatorTurn turn) =>
        [.. turn.State.Workers.Where(w => w.Value.IsReady && !turn.IsMember(w.Key) && w.Value.Last!.Applied <= turn.State.Step).Select(w => w.Key)];

    public static void Repeat(CoordinatorTurn turn)
    {
        if (turn.State.Transfer is not { } transfer)
        {
            return;
        }

        if (turn.Now - transfer.Since > turn.Rules.Deadlines.Work)
        {
            GiveUp(turn, transfer);
            return;
        }

        if (transfer.Offered is not { } offer)
        {
            turn.Send(transfer.Source, new OfferState { Term = turn.State.Term, Step = transfer.Step, Committed = turn.Committed });
            return;
        }

        foreach (var joiner in transfer.Joiners.Where(j => j.Value is null).Select(j => j.Key))
        {
            turn.Send(joiner, new FetchState
            {
                Term = turn.State.Term,
                Step = transfer.Step,
                Source = turn.View(transfer.Source).Last!.Endpoint,
                Blob = offer.Blob,
                Digest = offer.Digest,
                Bytes = offer.Bytes,
                StateDigest = offer.StateDigest,
                Seen = Seen.Of(turn.State.Seen),
            });
        }
    }

    public static void Offered(CoordinatorTurn turn, string worker, StateOffered offer)
    {
        if (turn.State.Transfer is not { Offered: null } transfer || transfer.Source != worker || offer.Step != transfer.Step)
        {
            return;
        }

        if (offer.Error.Length > 0)
        {
            turn.Publish(new Warning($"{turn.NameOf(worker)} cannot offer its state: {offer.Error}"));
            turn.State = turn.State with { Transfer = null };
            Steps.DecideIfComplete(turn);
            return;
        }

        turn.State = turn.State with { Transfer = transfer with { Offered = offer } };
        Repeat(turn);
    }

    public static void Adopted(CoordinatorTurn turn, string worker, StateAdopted answer)
    {
        if (turn.State.Transfer is not { Offered: { } offer } transfer || answer.Step != transfer.Step || !transfer.Joiners.TryGetValue(worker, out var before) || before is not null)
        {
            return;
        }

        var error = answer.Error.Length > 0 ? answer.Error
            : answer.StateDigest != offer.StateDigest ? $"its digest is {answer.StateDigest:x16}, the source's {offer.StateDigest:x16}"
            : "";
        Settle(turn, worker, error);
    }

    /// <summary>A worker that is not in yet is lost.</summary>
    public static void JoinerLost(CoordinatorTurn turn, string worker, string why)
    {
        if (turn.State.Transfer is { } transfer && transfer.Joiners.ContainsKey(worker))
        {
            Settle(turn, worker, why);
        }
    }

    public static void SourceLost(CoordinatorTurn turn, string worker)
    {
        if (turn.State.Transfer is { } transfer && transfer.Source == worker && !transfer.IsOver)
        {
            turn.State = turn.State with { Transfer = transfer with { Joiners = transfer.Joiners.SetItems(transfer.Joiners.Where(j => j.Value is null).Select(j => KeyValuePair.Create(j.Key, (string?)"the source is lost"))) } };
        }
    }

    /// <summary>Ends the transfer, and gives those who have taken the state over.</summary>
    public static ImmutableArray<string> Take(CoordinatorTurn turn)
    {
        if (turn.State.Transfer is not { } transfer)
        {
            return [];
        }

        turn.State = turn.State with { Transfer = null };
        return [.. transfer.Joiners.Where(j => j.Value == "" && turn.View(j.Key).Dropped is null && transfer.Step == turn.State.Step).Select(j => j.Key)];
    }

    private static void GiveUp(CoordinatorTurn turn, Transfer transfer)
    {
        foreach (var joiner in transfer.Joiners.Where(j => j.Value is null).Select(j => j.Key))
        {
            Settle(turn, joiner, $"it was not done within {turn.Rules.Deadlines.Work.TotalSeconds:0} s");
        }
    }

    private static void Settle(CoordinatorTurn turn, string worker, string error)
    {
        var transfer = turn.State.Transfer!;
        turn.State = turn.State with { Transfer = transfer with { Joiners = transfer.Joiners.SetItem(worker, error) } };
        if (error.Length > 0)
        {
            var view = turn.View(worker) with { FailedTransfers = turn.View(worker).FailedTransfers + 1 };
            turn.Put(worker, view);
            turn.Publish(new Warning($"{turn.NameOf(worker)} could not take the state of step {transfer.Step} over: {error}"));
            if (view.FailedTransfers >= TriesAllowed)
            {
                turn.Drop(worker, $"{TriesAllowed} transfers of the state failed, the last one because {error}", rejoin: false, expel: false);
            }
        }

        Steps.DecideIfComplete(turn);
    }

    /// <summary>A member on the machine of the first joiner if there is one, else the last rank.</summary>
    private static string Source(CoordinatorTurn turn, List<string> joiners)
    {
        var host = HostOf(turn, joiners[0]);
        return turn.State.Members.LastOrDefault(m => HostOf(turn, m) == host) ?? turn.State.Members[^1];
    }

    private static string HostOf(CoordinatorTurn turn, string worker) => Collectives.Endpoint.Parse(turn.View(worker).Last!.Endpoint).HostId;
}
