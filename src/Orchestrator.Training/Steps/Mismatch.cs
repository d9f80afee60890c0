using Orchestrator.Training.Models;
using Orchestrator.Training.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Steps;

/// <summary>
/// Prompts with answers of other prompts. A row takes the answer of the nearest row before it, the first row following the last, whose prompt is
/// another one: a function of the rows' order alone.
/// </summary>
/// <param name="Order">Rows of the set among which answers are exchanged: those of a step, or of a whole evaluation set.</param>
/// <param name="Longest">Tokens of prompt and answer at most; a longer answer loses its end.</param>
internal sealed record Mismatch(PairSet Set, IReadOnlyList<int> Order, int Longest)
{
    /// <summary>The row whose answer the row at this place takes; null where all rows have its prompt.</summary>
    public int? PartnerOf(int place)
    {
        var prompt = Set.Pairs[Order[place]].Prompt;
        for (var back = 1; back < Order.Count; back++)
        {
            var other = Order[(place - back + Order.Count) % Order.Count];
            if (!Set.Pairs[other].Prompt.SequenceEqual(prompt))
            {
                return other;
            }
        }

        return null;
    }

    /// <summary>Rows from place <paramref name="first"/> on, end to end for one forward pass.</summary>
    /// <param name="alone">Of each row, whether it found no other prompt; such a row is left out.</param>
    public PackedBatch Pack(int first, int count, out bool[] alone)
    {
        (var batch, alone) = (new PackedBatch(), new bool[count]);
        for (var i = 0; i < count; i++)
        {
            if (PartnerOf(first + i) is { } partner)
            {
                var prompt = Set.Pairs[Order[first + i]].Prompt;
                var answer = Set.Pairs[partner].Chosen;
                batch.AddSingle(prompt, answer[..Math.Clamp(Longest - prompt.Length, 1, answer.Length)]);
            }
            else
            {
                alone[i] = true;
            }
        }

        return batch;
    }

    /// <summary>What was found for the rows of a pack, put where those rows stand; 0 tokens elsewhere.</summary>
    /// <param name="found">Null where no row is in the pack.</param>
    public static PairLogProbs Spread(PairLogProbs? found, bool[] alone, Device device)
    {
        using var scope = NewDisposeScope();
        var places = Enumerable.Range(0, alone.Length).Where(row => !alone[row]).Select(row => (long)row).ToArray();
        Tensor Of(Tensor? values)
        {
            var all = zeros(alone.Length, ScalarType.Float64, device);
            return (values is null ? all : all.index_copy_(0, tensor(places, device: device), values)).MoveToOuterDisposeScope();
        }

        return new PairLogProbs(new CompletionLogProbs(Of(found?.Chosen.Sum), Of(found?.Chosen.Tokens)), null);
    }
}
