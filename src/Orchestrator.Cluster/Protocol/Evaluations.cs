using System.Collections.Immutable;
using Orchestrator.Cluster.Messages;
using Orchestrator.Core;

namespace Orchestrator.Cluster.Protocol;

/// <summary>Held-out sets between steps: their leaves lie in a queue, from which whoever is free takes the next run.</summary>
internal static class Evaluations
{
    /// <summary>At most so many leaves in a message, which keeps the answer small.</summary>
    private const int RunLimit = 64;

    public static bool IsDue(CoordinatorTurn turn)
    {
        var (state, rules) = (turn.State, turn.Rules);
        if (rules.Sets.IsEmpty || (state.Seen.Evaluated == state.Step && state.Evaluation is null) || state.EndEarly is not null)
        {
            return false;
        }

        return state.Evaluation is not null
            || (state.Step == 0 && rules.EvalFirst)
            || (state.Step >= rules.Steps && rules.EvalLast)
            || (rules.EvalEverySteps > 0 && state.Step > 0 && state.Step % rules.EvalEverySteps == 0);
    }

    /// <summary>Begins, or goes on after a change of membership.</summary>
    public static void Begin(CoordinatorTurn turn)
    {
        turn.Tell(RunPhase.Evaluating, $"after {turn.State.Step} steps");
        turn.Enter(Stage.Evaluating);
        if (turn.State.Evaluation is not { } going || going.Step != turn.State.Step)
        {
            Open(turn, 0);
        }

        Deal(turn);
    }

    public static void Take(CoordinatorTurn turn, string worker, LeavesEvaluated answer)
    {
        if (turn.State.Evaluation is not { } going || answer.Step != going.Step || answer.Set != turn.Rules.Sets[going.Set].Name || answer.Sample != going.Sampling
            || !going.Outstanding.TryGetValue(worker, out var asked))
        {
            return;
        }

        if (going.Sampling)
        {
            Samplings.Take(turn, going, worker, answer, asked);
            return;
        }

        if (answer.Error.Length > 0)
        {
            Generations.Blame(turn, new Blame(worker, worker, $"evaluating '{answer.Set}': {answer.Error}", Certain: true));
            return;
        }

        var sums = answer.Sums.ToLeafSums();
        if (!sums.Select(s => s.Leaf).Order().SequenceEqual(asked.Leaves))
        {
            return;   // an answer to an earlier run of leaves
        }

        going = going with { Outstanding = going.Outstanding.Remove(worker), Sums = going.Sums.SetItems(sums.Select(s => KeyValuePair.Create(s.Leaf, s))) };
        turn.State = turn.State with { Evaluation = going };
        if (going.Sums.Count == turn.Rules.Sets[going.Set].Leaves)
        {
            Close(turn, going);
        }
        else
        {
            Deal(turn);
        }
    }

    public static void Repeat(CoordinatorTurn turn)
    {
        foreach (var (worker, leaves) in turn.State.Evaluation!.Outstanding)
        {
            turn.Send(worker, Command(turn, leaves));
        }
    }

    public static void WorkerLost(CoordinatorTurn turn, string worker)
    {
        if (turn.State.Evaluation is { } going && going.Outstanding.TryGetValue(worker, out var leaves))
        {
            turn.State = turn.State with { Evaluation = going with { Pending = going.Pending.Insert(0, leaves), Outstanding = going.Outstanding.Remove(worker) } };
        }
    }

    private static void Open(CoordinatorTurn turn, int set, double? value = null)
    {
        var leaves = turn.Rules.Sets[set].Leaves;
        var run = Math.Clamp(leaves / (4 * turn.State.Members.Length), 1, RunLimit);
        var pending = Enumerable.Range(0, (leaves + run - 1) / run).Select(i => new LeafRange(i * run, Math.Min(run, leaves - i * run)));
        turn.State = turn.State with
        {
            Evaluation = new Evaluation(turn.State.Step, set, [.. pending], ImmutableSortedDictionary.Create<string, LeafRange>(StringComparer.Ordinal), ImmutableSortedDictionary<int, LeafSums>.Empty, turn.Now, value),
        };
    }

    public static void Deal(CoordinatorTurn turn)
    {
        var going = turn.State.Evaluation!;
        foreach (var worker in turn.State.Trouble is null ? turn.State.Members.Where(m => !going.Outstanding.ContainsKey(m)) : [])
        {
            if (going.Pending.IsEmpty)
            {
                break;
            }

            turn.Send(worker, Command(turn, going.Pending[0]));
            going = going with { Outstanding = going.Outstanding.Add(worker, going.Pending[0]), Pending = going.Pending.RemoveAt(0) };
        }

        turn.State = turn.State with { Evaluation = going };
    }

    private static void Close(CoordinatorTurn turn, Evaluation going)
    {
        var set = turn.Rules.Sets[going.Set];
        var metrics = LeafSums.Total(going.Sums.Values);
        turn.Publish(new Evaluated(going.Step, set.Name, metrics, (turn.Now - going.Since).TotalSeconds));
        var value = set.Name == turn.Rules.Selection?.Set ? Selections.ValueOf(turn, metrics) : going.Value;
        if (set.Samples > 0)
        {
            Samplings.Open(turn, going with { Value = value });
            Deal(turn);
            return;
        }

        Next(turn, going, value);
    }

    /// <summary>A set is done: the next one, or the step after the evaluation.</summary>
    public static void Next(CoordinatorTurn turn, Evaluation going, double? value)
    {
        if (going.Set + 1 < turn.Rules.Sets.Length)
        {
            Open(turn, going.Set + 1, value);
            Deal(turn);
            return;
        }

        turn.State = turn.State with { Evaluation = null };
        Selections.Take(turn, going.Step, value);
        Boundary.Continue(turn);
    }

    private static Evaluate Command(CoordinatorTurn turn, LeafRange leaves)
    {
        var going = turn.State.Evaluation!;
        var command = new Evaluate { Term = turn.State.Term, Step = going.Step, Set = turn.Rules.Sets[going.Set].Name, Committed = turn.Committed, Sample = going.Sampling };
        command.Leaves.AddRange(Leaves.Of([leaves]).Ranges);
        return command;
    }
}
