using Orchestrator.Training.Data;
using Orchestrator.Training.Models;

namespace Orchestrator.Training.Steps;

/// <summary>Encoded rows under the name of their set: "train", or an evaluation set's.</summary>
public sealed record PairSet(string Name, EncodedPairs Pairs)
{
    public const string Train = "train";

    private int[]? _all;

    /// <summary>Every row, in file order.</summary>
    internal IReadOnlyList<int> All => _all ??= [.. Enumerable.Range(0, Pairs.Count)];

    /// <summary>Lays rows end to end for one forward pass.</summary>
    internal PackedBatch Pack(ReadOnlySpan<int> rows)
    {
        var batch = new PackedBatch();
        foreach (var row in rows)
        {
            var pair = Pairs[row];
            if (Pairs.CompletionsPerRow == 2)
            {
                batch.AddPair(pair.Prompt, pair.Chosen, pair.Rejected);
            }
            else
            {
                batch.AddSingle(pair.Prompt, pair.Chosen);
            }
        }

        return batch;
    }

    /// <summary>1 for each row whose completion is desirable, 0 for the others.</summary>
    internal double[] Labels(ReadOnlySpan<int> rows)
    {
        var labels = new double[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            labels[i] = Pairs.IsDesirable(rows[i]) ? 1 : 0;
        }

        return labels;
    }

    /// <summary>Of each pair, how much better its chosen answer is by the rewards of the data.</summary>
    internal double[] RewardMargins(ReadOnlySpan<int> rows)
    {
        var margins = new double[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            margins[i] = Pairs.RewardMarginOf(rows[i]);
        }

        return margins;
    }

    /// <summary>Tokens of a row that a forward pass computes: a shared prompt once, and of each completion all but the last.</summary>
    internal int TokensToCompute(int row)
    {
        var pair = Pairs[row];
        return pair.Prompt.Length + pair.Chosen.Length + pair.Rejected.Length - Pairs.CompletionsPerRow;
    }

    /// <summary>Tokens of the rows' sequences, the prompt counted for each completion, as TRL counts them.</summary>
    internal long TokensOf(ReadOnlySpan<int> rows)
    {
        long tokens = 0;
        foreach (var row in rows)
        {
            var pair = Pairs[row];
            tokens += (long)pair.Prompt.Length * Pairs.CompletionsPerRow + pair.Chosen.Length + pair.Rejected.Length;
        }

        return tokens;
    }
}
