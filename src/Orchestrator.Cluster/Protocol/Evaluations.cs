using System.Collections.Immutable;
using Orchestrator.Cluster.Messages;
using Orchestrator.Core;

namespace Orchestrator.Cluster.Protocol;

/// <summary>
/// Held-out sets between steps, and before the first step the reference's pass over the data: their leaves lie in a queue, from which whoever is free
/// takes the next run.
/// </summary>
internal static class Evaluations
{
    /// <summary>At most so many leaves in a message, which keeps the answer small.</summary>
    private const int RunLimit = 64;

    /// <summary>Stands for the reference's pass among the indices of sets.</summary>
    private const int Pass = -1;

    public static bool IsDue(CoordinatorTurn turn)
    {
        var (state, rules) = (turn.State, turn.Rules);
        if (PassIsDue(turn))
        {
            return true;
        }

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
        turn.Tell(RunPhase.Evaluating, PassIsDue(turn) ? $"the reference, {turn.Rules.Reference!.Rows} rows" : $"after {turn.State.Step} steps");
        turn.Enter(Stage.Evaluating);
        if (turn.State.Evaluation is not { } going || going.Step != turn.State.Step)
        {
            Open(turn, PassIsDue(turn) ? Pass : 0);
        }

        Deal(turn);
    }

    public static void Take(CoordinatorTurn turn, string worker, LeavesEvaluated answer)
    {
        if (turn.State.Evaluation is not { } going || answer.Step != going.Step || answer.Set != SetOf(turn, going.Set).Name || answer.Sample != going.Sampling
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
        if (going.Sums.Count == SetOf(turn, going.Set).Leaves)
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
        var leaves = SetOf(turn, set).Leaves;
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

    // What a worker has computed it keeps; what a lost one takes with it is computed with the first step.
    private static bool PassIsDue(CoordinatorTurn turn) =>
        turn.Rules.Reference is not null && !turn.State.ReferenceIsKnown && turn.State.Step == turn.Rules.StartStep && turn.State.EndEarly is null;

    private static EvaluationSet SetOf(CoordinatorTurn turn, int index) => index == Pass ? turn.Rules.Reference!.ToSet() : turn.Rules.Sets[index];

    private static void Close(CoordinatorTurn turn, Evaluation going)
    {
        if (going.Set == Pass)
        {
            turn.Publish(new ReferencePassed(turn.Rules.Reference!.Rows, (turn.Now - going.Since).TotalSeconds));
            turn.State = turn.State with { Evaluation = null, ReferenceIsKnown = true };
            Boundary.Continue(turn);
            return;
        }

        var set = SetOf(turn, going.Set);
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
        var command = new Evaluate { Term = turn.State.Term, Step = going.Step, Set = SetOf(turn, going.Set).Name, Committed = turn.Committed, Sample = going.Sampling };
        command.Leaves.AddRange(Leaves.Of([leaves]).Ranges);
        return command;
    }
}
