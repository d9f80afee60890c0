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

    private static void SayGoodbyeAgain(CoordinatorTurn turn)
    {
        Endings.EndIfAllGone(turn);
        if (turn.State.Stage == Stage.Ending)
        {
            Endings.SayGoodbye(turn);
        }
    }
}
