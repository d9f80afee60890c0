using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>Checkpoints between steps: one member writes, on the coordinator's machine where there is one, else the files are fetched. A failure is loud, and the run goes on.</summary>
internal static class Savings
{
    public static bool IsDue(CoordinatorTurn turn, bool ends)
    {
        var (state, rules) = (turn.State, turn.Rules);
        if (state.SaveTried == state.Step && state.Saving is null)
        {
            return false;
        }

        return state.Saving is not null || ends || Selections.IsBestNow(turn)
            || (rules.SaveEverySteps > 0 && state.Step % rules.SaveEverySteps == 0)
            || (rules.SaveEvery is { } every && turn.Now - state.LastSave >= every);
    }

    public static void Begin(CoordinatorTurn turn)
    {
        turn.Tell(RunPhase.Saving, $"step {turn.State.Step}");
        turn.Enter(Stage.Saving);
        if (turn.State.Saving is null)
        {
            var local = turn.State.Members.FirstOrDefault(member => HostOf(turn, member) == turn.Rules.HostId);
            turn.State = turn.State with
            {
                Saving = new Saving(turn.State.Step, local ?? turn.State.Members[0], turn.Rules.CheckpointOf(turn.State.Step), local is null, turn.Now),
            };
        }

        Repeat(turn);
    }

    public static void Repeat(CoordinatorTurn turn)
    {
        if (turn.State.Saving is { Fetching: null } saving)
        {
            turn.Send(saving.Worker, new Save
            {
                Term = turn.State.Term,
                Step = saving.Step,
                Directory = saving.Directory,
                Ship = saving.Ship,
                Committed = turn.Committed,
            });
            if (turn.Now - saving.Since > turn.Rules.Deadlines.Work)
            {
                Fail(turn, saving, $"{turn.NameOf(saving.Worker)} has not written it within {turn.Rules.Deadlines.Work.TotalSeconds:0} s");
            }
        }
    }

    public static void Written(CoordinatorTurn turn, string worker, Saved answer)
    {
        if (turn.State.Saving is not { Fetching: null } saving || saving.Worker != worker || answer.Step != saving.Step)
        {
            return;
        }

        if (answer.Error.Length > 0)
        {
            Fail(turn, saving, answer.Error);
        }
        else if (saving.Ship)
        {
            turn.State = turn.State with { Saving = saving with { Fetching = answer } };
            turn.Do(new FetchCheckpoint(saving.Step, turn.View(worker).Last!.Endpoint, saving.Directory, [.. answer.Files]));
        }
        else
        {
            Done(turn, saving, answer.WeightsSha256);
        }
    }

    public static void Fetched(CoordinatorTurn turn, CheckpointFetched fetched)
    {
        if (turn.State.Saving is not { Fetching: { } files } saving || saving.Step != fetched.Step)
        {
            return;
        }

        turn.Send(saving.Worker, new ReleaseSave { Term = turn.State.Term, Step = saving.Step });
        if (fetched.Error.Length > 0)
        {
            Fail(turn, saving, fetched.Error);
        }
        else
        {
            Done(turn, saving, files.WeightsSha256);
        }
    }

    /// <summary>Whoever was writing is lost: the next boundary tries again with somebody else.</summary>
    public static void WorkerLost(CoordinatorTurn turn, string worker, string why)
    {
        if (turn.State.Saving is { } saving && saving.Worker == worker)
        {
            turn.Publish(new CheckpointFailed(saving.Step, saving.Directory, $"{turn.NameOf(worker)} was writing it and is lost: {why}"));
            turn.State = turn.State with { Saving = null };
        }
    }

    private static void Fail(CoordinatorTurn turn, Saving saving, string reason)
    {
        turn.Publish(new CheckpointFailed(saving.Step, saving.Directory, reason));
        Close(turn, turn.State with { Saving = null, SaveTried = saving.Step, LastSave = turn.Now });
    }

    private static void Done(CoordinatorTurn turn, Saving saving, string sha256)
    {
        Selections.Saved(turn, saving);   // before what makes older ones be pruned
        turn.Publish(new CheckpointWritten(saving.Step, turn.State.Term, saving.Directory, sha256, (turn.Now - saving.Since).TotalSeconds));
        Close(turn, turn.State with
        {
            Saving = null,
            SaveTried = saving.Step,
            LastSave = turn.Now,
            Checkpoint = saving.Directory,
            WeightsSha256 = sha256,
        });
    }

    private static void Close(CoordinatorTurn turn, CoordinatorState state)
    {
        turn.State = state;
        if (state.Stage == Stage.Saving && state.Trouble is null)
        {
            Boundary.Continue(turn);
        }
    }

    private static string HostOf(CoordinatorTurn turn, string worker) => Collectives.Endpoint.Parse(turn.View(worker).Last!.Endpoint).HostId;
}
