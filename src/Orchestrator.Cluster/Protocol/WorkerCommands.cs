using Google.Protobuf;
using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>What a worker does about commands: fencing first, then one queue in front of the replica.</summary>
internal static class WorkerCommands
{
    public static void Hear(WorkerTurn turn, string from, IMessage command)
    {
        if (command is WhereAreYou ask && ask.Term > turn.State.Term)
        {
            Follow(turn, from, ask);
        }

        if (CommandFacts.Term(command) != turn.State.Term || from != turn.State.Coordinator)
        {
            turn.Because($"{command.Descriptor.Name} of term {CommandFacts.Term(command)} is fenced: term {turn.State.Term} of {turn.State.Coordinator} is newer or was first");
            turn.Do(new Reply(from, turn.Here()));
            return;
        }

        turn.State = turn.State with { LastHeard = turn.Now };
        Obey(turn, command);
    }

    /// <summary>Begins what waits, as far as the replica is free.</summary>
    public static void Pump(WorkerTurn turn)
    {
        while (turn.State is { Running: null, Ended: false, Waiting: [var command, ..] })
        {
            if (IsStaged(turn.State, command))
            {
                turn.Begin(new ApplyStaged(turn.State.Staged!.Id, turn.State.Staged.Finite));
                return;
            }

            turn.State = turn.State with { Waiting = turn.State.Waiting.RemoveAt(0) };
            Begin(turn, command);
        }
    }

    private static void Follow(WorkerTurn turn, string from, WhereAreYou ask)
    {
        if (turn.State.RunId.Length > 0 && turn.State.RunId != ask.RunId)
        {
            turn.End(WorkerEnd.Failed, $"The coordinator runs '{ask.RunId}' now; this worker holds the replica of '{turn.State.RunId}'. A fresh worker can join.");
            return;
        }

        turn.State = turn.State with { Term = ask.Term, Coordinator = from, Waiting = [], Answered = turn.State.Answered.Clear() };
    }

    private static void Obey(WorkerTurn turn, IMessage command)
    {
        switch (command)
        {
            case WhereAreYou:
                if (turn.State.AppliedVote is { } applied && applied.Id.Term < turn.State.Term)
                {
                    turn.Reply(applied);
                }

                if (turn.State.Staged is { } vote && vote.Id.Term < turn.State.Term)
                {
                    turn.Reply(vote);
                }

                turn.ReportHere();   // last: who has answered has sent its votes
                if (IsStaged(turn.State, command))
                {
                    Enqueue(turn, command);
                }

                break;
            case Goodbye goodbye:
                var end = turn.State.Leaving.Length > 0 ? WorkerEnd.Left : goodbye.Refused ? WorkerEnd.Refused : WorkerEnd.RunEnded;
                turn.End(end, goodbye.Reason, goodbye.Rejoin && turn.State.Leaving.Length == 0);
                break;
            case Abort abort:
                Abort(turn, abort.Id);
                break;
            case ReleaseSave release:
                turn.Do(new ForgetShipped(release.Step));
                break;
            case FormGroup form:
                Form(turn, form);
                break;
            case ComputeStep step:
                Compute(turn, step);
                break;
            default:
                Enqueue(turn, command);
                break;
        }
    }

    private static void Abort(WorkerTurn turn, StepId id)
    {
        turn.State = turn.State with { Waiting = turn.State.Waiting.RemoveAll(c => c is ComputeStep step && step.Id == id) };
        if (turn.State.Running is ComputeLeaves running && running.Command.Id == id)
        {
            turn.Cancel();
        }
    }

    private static void Form(WorkerTurn turn, FormGroup form)
    {
        var asked = (form.Term, form.Generation);
        if (asked.CompareTo(turn.State.Told) < 0)
        {
            return;
        }

        if (asked == turn.State.Group)
        {
            turn.Reply(Formed(turn.State));
            return;
        }

        if (turn.State.Running is ComputeLeaves || (turn.State.Running is MeetGroup meeting && meeting.Command.Generation < form.Generation))
        {
            turn.Cancel();
        }

        turn.State = turn.State with { Told = asked, Waiting = turn.State.Waiting.RemoveAll(c => c is ComputeStep) };
        Enqueue(turn, form);
    }

    private static void Compute(WorkerTurn turn, ComputeStep step)
    {
        StepId id = step.Id;
        if (turn.State.Staged is { } vote && vote.Id == id)
        {
            turn.Reply(vote);
        }
        else if ((id.Term, id.Generation) != turn.State.Group)
        {
            turn.Because($"{id} needs generation {id.Generation}, which this worker has not met yet");
        }
        else if (turn.State.Dealt is { } dealt && id <= dealt.Id)
        {
            if (turn.State.Answered.TryGetValue(typeof(ComputeStep), out var last) && last.Command.Equals(step))
            {
                turn.Reply(last.Answer);
            }
        }
        else
        {
            if (turn.State.Running is ComputeLeaves)
            {
                turn.Cancel();
            }

            Enqueue(turn, step);
        }
    }

    /// <summary>A command takes the place of an earlier one of its kind; one that runs, or was answered, does not run again.</summary>
    private static void Enqueue(WorkerTurn turn, IMessage command)
    {
        if (Equals(CommandOf(turn.State.Running), command) && !turn.State.Cancelled)
        {
            return;
        }

        if (turn.State.Answered.TryGetValue(command.GetType(), out var last) && last.Command.Equals(command))
        {
            turn.Reply(last.Answer);
            return;
        }

        turn.State = turn.State with { Waiting = turn.State.Waiting.RemoveAll(c => c.GetType() == command.GetType()).Add(command) };
    }

    private static void Begin(WorkerTurn turn, IMessage command)
    {
        var s = turn.State;
        switch (command)
        {
            case TakeJob job when !s.Ready:
                turn.Begin(new PrepareJob(job));
                break;
            case FormGroup form:
                turn.State = s with { Group = default };
                turn.Begin(new MeetGroup(form));
                break;
            case ComputeStep step when s.Applied == step.Id.Step && s.Group == (step.Id.Term, step.Id.Generation):
                turn.State = s with { Staged = null, Dealt = step, Seen = step.Seen };
                turn.Begin(new ComputeLeaves(step));
                break;
            case Evaluate evaluate when s.Applied == evaluate.Step:
                turn.Begin(new EvaluateLeaves(evaluate));
                break;
            case Save save when s.Applied == save.Step:
                turn.Begin(new SaveState(save));
                break;
            case Save save:
                turn.Reply(new Saved { Term = save.Term, Step = save.Step, Error = $"the worker is at step {s.Applied}" });
                break;
            case OfferState offer when s.Applied == offer.Step:
                turn.Begin(new OfferOwnState(offer));
                break;
            case OfferState offer:
                turn.Reply(new StateOffered { Term = offer.Term, Step = offer.Step, Error = $"the worker is at step {s.Applied}" });
                break;
            case FetchState fetch when s.Applied > fetch.Step:   // late, or from a run that is behind: what is committed is not given away
                turn.Reply(new StateAdopted { Term = fetch.Term, Step = fetch.Step, Error = $"the worker is at step {s.Applied} already" });
                break;
            case FetchState fetch when s.Applied == fetch.Step && s.StateDigest == fetch.StateDigest:
                turn.Reply(new StateAdopted { Term = fetch.Term, Step = fetch.Step, StateDigest = s.StateDigest });
                break;
            case FetchState fetch:
                turn.State = s with { Applied = -1, StateDigest = 0, Staged = null, Dealt = null, AppliedId = null, Seen = fetch.Seen };
                turn.Begin(new AdoptState(fetch));
                break;
            default:
                turn.ReportHere();
                break;
        }
    }

    /// <summary>True where the command says that the gradient staged here is committed.</summary>
    private static bool IsStaged(WorkerState state, IMessage command) => state.Staged is { } vote
        && vote.Id.Step == state.Applied
        && CommandFacts.Committed(command) is { } committed
        && committed.Id.Step == vote.Id.Step
        && committed.Gradient == vote.GradientDigest;

    public static GroupFormed Formed(WorkerState state) => new()
    {
        Term = state.Group.Term,
        Generation = state.Group.Generation,
        Applied = state.Applied,
        StateDigest = state.StateDigest,
    };

    private static IMessage? CommandOf(WorkerWork? work) => work switch
    {
        PrepareJob w => w.Command,
        MeetGroup w => w.Command,
        ComputeLeaves w => w.Command,
        EvaluateLeaves w => w.Command,
        SaveState w => w.Command,
        OfferOwnState w => w.Command,
        AdoptState w => w.Command,
        _ => null,
    };
}
