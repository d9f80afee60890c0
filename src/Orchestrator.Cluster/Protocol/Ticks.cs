using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>What time brings: questions are repeated, silence is noticed, windows close.</summary>
internal static class Ticks
{
    public static void Tick(CoordinatorTurn turn)
    {
        if (turn.State.Trouble is { } trouble && turn.Now >= trouble.Until)
        {
            Troubles.Close(turn);
        }

        foreach (var worker in turn.Living.ToList())
        {
            var view = turn.View(worker);
            if (turn.State.Stage != Stage.Ending && view.Doubt is { } doubt && turn.Now - doubt.Since >= turn.Rules.Deadlines.Doubt)
            {
                Reports.Lost(turn, worker, doubt.Why);
            }
            else if (turn.State.Stage != Stage.Ending && turn.Now - view.Heard > turn.Rules.Deadlines.Silence)
            {
                Reports.Lost(turn, worker, $"no sign of life for {(turn.Now - view.Heard).TotalSeconds:0.#} s");
            }
            else
            {
                Reports.Ask(turn, worker);
            }
        }

        if (turn.State.Trouble is null)
        {
            Repeat(turn);
        }
    }

    /// <summary>Commands whose answer has not come are given again.</summary>
    private static void Repeat(CoordinatorTurn turn)
    {
        var state = turn.State;
        switch (state.Stage)
        {
            case Stage.Gathering:
                Gatherings.Consider(turn);
                break;
            case Stage.Forming:
                Generations.SendForm(turn, state.Members.Where(m => !state.Met.ContainsKey(m)));
                break;
            case Stage.Computing when turn.Now - state.StageSince > turn.Rules.Deadlines.Work * 2:
                foreach (var member in state.Members.Where(m => !state.Try!.Votes.ContainsKey(m)))
                {
                    Generations.Blame(turn, new Blame(member, "coordinator", $"no vote within {(turn.Now - state.StageSince).TotalSeconds:0} s", Certain: true));
                }

                break;
            case Stage.Computing when Stuck(turn) is { Count: > 0 } stuck:
                foreach (var member in stuck)
                {
                    Generations.Blame(turn, new Blame(member, "coordinator", $"its leaves are not done after {(turn.Now - state.StageSince).TotalSeconds:0.#} s, five times what they have taken", Certain: true));
                }

                break;
            case Stage.Computing:
                Steps.SendDeal(turn, state.Members.Where(m => !state.Try!.Votes.ContainsKey(m)));
                Transfers.Repeat(turn);
                break;
            case Stage.Evaluating:
                Evaluations.Repeat(turn);
                break;
            case Stage.Saving:
                Savings.Repeat(turn);
                break;
            case Stage.Ending:
                SayGoodbyeAgain(turn);
                break;
        }
    }

    /// <summary>Members that answer, but whose leaves take five times as long as they ever did: a hung kernel, most likely.</summary>
    private static List<string> Stuck(CoordinatorTurn turn)
    {
        var (state, step) = (turn.State, turn.State.Try!);
        var paces = state.Members.Select(member => turn.View(member).Pace).ToList();
        if (paces.Any(pace => pace is null || pace.Samples < Dealing.SamplesNeeded))
        {
            return [];
        }

        var expected = state.Members.Max(member => step.Owners.Count(owner => owner == member) * turn.View(member).Pace!.SecondsPerLeaf);
        var patience = Math.Max(expected * 5, turn.Rules.Deadlines.Silence.TotalSeconds);
        return (turn.Now - state.StageSince).TotalSeconds < patience
            ? []
            : [.. state.Members.Where(m => !step.Votes.ContainsKey(m) && turn.View(m).Last!.Doing != WorkerTurn.Reducing)];
    }

    private static void SayGoodbyeAgain(CoordinatorTurn turn)
    {
        Endings.EndIfAllGone(turn);
        if (turn.State.Stage == Stage.Ending)
        {
            turn.Do(new AnnounceEnd(turn.State.Outcome!));
            Endings.SayGoodbye(turn);
        }
    }
}
