using Google.Protobuf;
using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>What a worker does when its work has ended.</summary>
internal static class WorkerResults
{
    public static void Take(WorkerTurn turn, WorkerWork work, WorkResult result)
    {
        var cancelled = turn.State.Cancelled;
        turn.State = turn.State with { Running = null, Cancelled = false, Reducing = false };
        switch (work, result)
        {
            case (_, WorkFailed failed):
                Failed(turn, work, failed, cancelled);
                break;
            case (PrepareJob job, AtStep at):
                turn.State = turn.State with { Ready = true, RunId = job.Command.RunId, Applied = at.Applied, StateDigest = at.StateDigest, Compute = at.Compute };
                turn.ReportHere();
                break;
            case (MeetGroup meet, AtStep) when (meet.Command.Term, meet.Command.Generation) == turn.State.Told:
                turn.State = turn.State with { Group = turn.State.Told };
                turn.Reply(WorkerCommands.Formed(turn.State));
                break;
            case (ComputeLeaves, Answer { Message: Prepared vote }):
                turn.State = turn.State with { Staged = vote };
                turn.Reply(vote);
                break;
            case (ApplyStaged, AtStep at):
                turn.State = turn.State with
                {
                    Applied = at.Applied,
                    StateDigest = at.StateDigest,
                    AppliedId = turn.State.Staged!.Id,
                    AppliedGradient = turn.State.Staged.GradientDigest,
                    AppliedVote = new Prepared(turn.State.Staged) { Applied = true },
                    Staged = null,
                };
                break;
            case (AdoptState adopt, AtStep at):
                turn.State = turn.State with { Applied = at.Applied, StateDigest = at.StateDigest };
                Answer(turn, adopt.Command, new StateAdopted { Term = adopt.Command.Term, Step = at.Applied, StateDigest = at.StateDigest });
                break;
            case (EvaluateLeaves evaluate, Answer answer):
                Answer(turn, evaluate.Command, answer.Message);
                break;
            case (SaveState save, Answer answer):
                Answer(turn, save.Command, answer.Message);
                break;
            case (OfferOwnState offer, Answer answer):
                Answer(turn, offer.Command, answer.Message);
                break;
        }
    }

    private static void Answer(WorkerTurn turn, IMessage command, IMessage answer)
    {
        if (CommandFacts.Term(command) == turn.State.Term)
        {
            turn.State = turn.State with { Answered = turn.State.Answered.SetItem(command.GetType(), (command, answer)) };
            turn.Reply(answer);
        }
    }

    private static void Failed(WorkerTurn turn, WorkerWork work, WorkFailed failed, bool cancelled)
    {
        turn.Because($"{work.GetType().Name} failed: {failed.Reason}");
        switch (work)
        {
            case PrepareJob or ApplyStaged:
                turn.End(WorkerEnd.Failed, failed.Reason);
                break;
            case MeetGroup meet when !cancelled:
                var failure = new GroupFailed { Term = meet.Command.Term, Generation = meet.Command.Generation, Reason = failed.Reason };
                if (failed.Suspect is { } absent)
                {
                    failure.Suspect = absent;
                }

                turn.Reply(failure);
                break;
            case ComputeLeaves compute when failed.OwnFault:
                turn.Reply(new StepFailed { Id = compute.Command.Id, Reason = failed.Reason, OwnFault = true });
                turn.End(WorkerEnd.Failed, failed.Reason);
                break;
            case ComputeLeaves compute:
                var report = new StepFailed { Id = compute.Command.Id, Reason = cancelled ? "it was aborted" : failed.Reason };
                if (failed.Suspect is { } suspect && !cancelled)
                {
                    report.Suspect = suspect;
                }

                Answer(turn, compute.Command, report);
                break;
            case EvaluateLeaves evaluate:
                turn.Reply(new LeavesEvaluated { Term = evaluate.Command.Term, Step = evaluate.Command.Step, Set = evaluate.Command.Set, Sample = evaluate.Command.Sample, Error = failed.Reason });
                if (!evaluate.Command.Sample)
                {
                    turn.End(WorkerEnd.Failed, failed.Reason);   // its place is tried again as often as the run allows, not for ever
                }

                break;
            case SaveState save:
                Answer(turn, save.Command, new Saved { Term = save.Command.Term, Step = save.Command.Step, Error = failed.Reason });
                break;
            case OfferOwnState offer:
                Answer(turn, offer.Command, new StateOffered { Term = offer.Command.Term, Step = offer.Command.Step, Error = failed.Reason });
                break;
            case AdoptState adopt:
                Answer(turn, adopt.Command, new StateAdopted { Term = adopt.Command.Term, Step = adopt.Command.Step, Error = failed.Reason });
                break;
        }
    }
}
