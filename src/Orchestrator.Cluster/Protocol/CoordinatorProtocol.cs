using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>
/// The coordinator's decisions.
/// <code>
/// Gathering --enough workers, or all known ones asked--> Forming --all have met--> (next)
/// (next) = Computing | Evaluating | Saving | Forming (somebody comes or goes) | Ending; each of them ends in (next), see <see cref="Boundary"/>
/// Computing, Forming --somebody fails--> trouble: a short window --> Forming with who is left; the step in hand is tried again
/// any --the last worker is lost--> Gathering;     any --a newer term is seen--> Ended
/// </code>
/// See <see cref="Decision{TState, TEffect}"/> for how to drive it.
/// </summary>
public static class CoordinatorProtocol
{
    /// <summary>What to do about <paramref name="input"/>, and why.</summary>
    public static Decision<CoordinatorState, CoordinatorEffect> Decide(CoordinatorState state, CoordinatorInput input, TimeSpan now, RunRules rules)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(rules);
        if (state.Stage == Stage.Ended)
        {
            return new(state, [], "");
        }

        var turn = new CoordinatorTurn(state, now, rules);
        switch (input)
        {
            case AnswerHeard heard:
                Hear(turn, heard);
                break;
            case WorkerSeen seen:
                Reports.See(turn, seen.Worker);
                break;
            case WorkerGone gone:
                Reports.Lose(turn, gone.Worker, gone.Why);
                break;
            case WorkerDoubted doubted:
                Reports.Doubt(turn, doubted.Worker, doubted.Why);
                break;
            case WorkerRefuses gone:
                Reports.Refused(turn, gone.Worker);
                break;
            case StopRequested stop:
                Endings.Stop(turn, stop.Reason);
                break;
            case CheckpointFetched fetched:
                Savings.Fetched(turn, fetched);
                break;
            case CoordinatorTick:
                Ticks.Tick(turn);
                break;
        }

        Generations.CloseTroubleIfClear(turn);
        return turn.ToDecision();
    }

    private static void Hear(CoordinatorTurn turn, AnswerHeard heard)
    {
        if (!turn.State.Workers.TryGetValue(heard.From, out var view))
        {
            return;
        }

        turn.Put(heard.From, view with { Heard = turn.Now, Doubt = null });
        if (heard.Message is Here here)
        {
            Reports.Hear(turn, heard.From, here);
        }
        else if (view.Dropped is { } why)
        {
            turn.Send(heard.From, new Goodbye { Term = turn.State.Term, Reason = why, Rejoin = true });
        }
        else
        {
            Answer(turn, heard.From, heard.Message);
        }
    }

    private static void Answer(CoordinatorTurn turn, string from, Google.Protobuf.IMessage message)
    {
        var term = turn.State.Term;
        switch (message)
        {
            case GroupFormed m when m.Term == term:
                Generations.Met(turn, from, m);
                break;
            case GroupFailed m when m.Term == term:
                Generations.NotMet(turn, from, m);
                break;
            case Prepared m when m.Id.Term == term:
                Steps.Prepared(turn, from, m);
                break;
            case Prepared { Applied: true } m:
                turn.Put(from, turn.State.Workers[from] with { AppliedVote = m });
                break;
            case Prepared m:
                turn.Put(from, turn.State.Workers[from] with { Vote = m });
                break;
            case StepFailed m when m.Id.Term == term:
                Steps.Failed(turn, from, m);
                break;
            case LeavesEvaluated m when m.Term == term:
                Evaluations.Take(turn, from, m);
                break;
            case Saved m when m.Term == term:
                Savings.Written(turn, from, m);
                break;
            case StateOffered m when m.Term == term:
                Transfers.Offered(turn, from, m);
                break;
            case StateAdopted m when m.Term == term:
                Transfers.Adopted(turn, from, m);
                break;
        }
    }
}
