using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>How a run ends: the last words are said to every worker, and heard.</summary>
internal static class Endings
{
    public static void Stop(CoordinatorTurn turn, string reason)
    {
        if (turn.State.EndEarly is null)
        {
            turn.State = turn.State with { EndEarly = (RunEnd.Stopped, reason) };
            turn.Because($"stop was requested: {reason}");
            if (turn.State.Stage == Stage.Gathering)
            {
                Begin(turn);
            }
            else if (turn.State is { Stage: Stage.Evaluating, Trouble: null })
            {
                turn.State = turn.State with { Evaluation = null };
                Boundary.Continue(turn);
            }
        }
    }

    /// <summary>Says goodbye; the run has ended when all have heard it.</summary>
    public static void Begin(CoordinatorTurn turn)
    {
        var state = turn.State;
        var outcome = state.EndEarly is { End: RunEnd.Completed, Reason: var enough } && state.Step < turn.Rules.Steps ? Outcome(turn, RunEnd.Completed, $"{enough} {state.Step} of {turn.Rules.Steps} steps are done.")
            : state.EndEarly is { } early && state.Step < turn.Rules.Steps ? Outcome(turn, early.End, $"{early.Reason.TrimEnd('.')}. {state.Step} of {turn.Rules.Steps} steps are done. {ResumeHint(turn)}")
            : state.Step >= turn.Rules.Steps ? Outcome(turn, RunEnd.Completed, $"All {turn.Rules.Steps} steps are done.")
            : Outcome(turn, RunEnd.Stopped, $"The last worker has left. {state.Step} of {turn.Rules.Steps} steps are done. {ResumeHint(turn)}");
        turn.Tell(RunPhase.Ending, outcome.Reason);
        turn.State = turn.State with { Outcome = outcome };
        turn.Enter(Stage.Ending);
        turn.Do(new AnnounceEnd(outcome));
        SayGoodbye(turn);
        turn.Do(new WakeAt(turn.Now + turn.Rules.Deadlines.Progress));
        EndIfAllGone(turn);
    }

    public static void SayGoodbye(CoordinatorTurn turn) =>
        turn.SendAll(turn.Living, new Goodbye { Term = turn.State.Term, Reason = turn.State.Outcome!.Reason });

    public static void EndIfAllGone(CoordinatorTurn turn)
    {
        if (turn.State.Stage == Stage.Ending && (!turn.Living.Any() || turn.Now - turn.State.StageSince >= turn.Rules.Deadlines.Progress))
        {
            Finish(turn, turn.State.Outcome!);
        }
    }

    /// <summary>Ends at once, without goodbyes.</summary>
    public static void End(CoordinatorTurn turn, RunEnd end, string reason)
    {
        if (end == RunEnd.Failed)
        {
            turn.Do(new AnnounceEnd(Outcome(turn, end, reason)));
            turn.SendAll(turn.Living, new Goodbye { Term = turn.State.Term, Reason = reason });
        }

        Finish(turn, Outcome(turn, end, reason));
    }

    public static string ResumeHint(CoordinatorTurn turn) => turn.State.Checkpoint is { } checkpoint
        ? $"Its newest checkpoint is {checkpoint}: resume from there."
        : turn.Rules.StartStep > 0 ? "No checkpoint was written since the run was resumed: resume from the same one." : "No checkpoint was written yet.";

    private static void Finish(CoordinatorTurn turn, RunOutcome outcome)
    {
        turn.State = turn.State with { Outcome = outcome };
        turn.Enter(Stage.Ended);
        turn.Because(outcome.Reason);
        turn.Publish(new RunEnded(outcome));
        turn.Do(new EndRun(outcome));
    }

    private static RunOutcome Outcome(CoordinatorTurn turn, RunEnd end, string reason) =>
        new(end, reason, turn.State.Step, turn.State.Checkpoint, turn.State.WeightsSha256);
}
