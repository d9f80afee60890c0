using System.Collections.Immutable;
using Orchestrator.Cluster.Messages;
using Orchestrator.Core;

namespace Orchestrator.Cluster.Protocol;

/// <summary>
/// After a set's pairs, some of its prompts are answered: row by row, from the same queue, so that all workers take part. That a prompt cannot be
/// answered is worth a warning and nobody's life.
/// </summary>
internal static class Samplings
{
    public static void Open(CoordinatorTurn turn, Evaluation going)
    {
        var rows = Enumerable.Range(0, turn.Rules.Sets[going.Set].Samples).Select(row => new LeafRange(row, 1));
        turn.State = turn.State with { Evaluation = going with { Sampling = true, Pending = [.. rows], Outstanding = going.Outstanding.Clear(), Since = turn.Now } };
    }

    public static void Take(CoordinatorTurn turn, Evaluation going, string worker, LeavesEvaluated answer, LeafRange asked)
    {
        if (answer.Error.Length == 0 && !answer.Samples.Select(sample => sample.Row).SequenceEqual(asked.Leaves))
        {
            return;   // an answer to an earlier row
        }

        if (answer.Error.Length > 0)
        {
            turn.Publish(new Warning($"The prompt of row {asked.Start} of '{answer.Set}' could not be answered on {turn.NameOf(worker)}: {answer.Error}"));
        }

        PromptSample? sample = answer.Error.Length > 0 ? null : answer.Samples[0].ToSample();
        going = going with { Outstanding = going.Outstanding.Remove(worker), Samples = going.Samples.SetItem(asked.Start, sample) };
        turn.State = turn.State with { Evaluation = going };
        if (going.Samples.Count < turn.Rules.Sets[going.Set].Samples)
        {
            Evaluations.Deal(turn);
            return;
        }

        turn.Publish(new Sampled(going.Step, answer.Set, [.. going.Samples.Values.OfType<PromptSample>()], (turn.Now - going.Since).TotalSeconds));
        Evaluations.Next(turn, going, going.Value);
    }
}
