using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Objectives;

/// <summary>From the log-probability of each token to that of each completion, in fp64, and added in the same order on every device.</summary>
public static class CompletionSums
{
    /// <param name="tokenLogps">[tokens]: of pair 0 the chosen tokens, then the rejected ones, then those of pair 1, and so on.</param>
    /// <param name="lengths">Tokens of each completion in that order: two a pair.</param>
    /// <param name="lengthAlpha">
    /// LD-DPO's α in [0, 1]: weight of an answer's tokens beyond the length of its shorter counterpart; 1 counts all alike. It belongs to the
    /// policy and the reference alike (Liu et al. 2024, arXiv:2409.06411).
    /// </param>
    /// <param name="aligned">[tokens], where the objective needs it: log p(y) - log Σ_v p(v)² of each token.</param>
    /// <param name="complement">Whether to add up log(1 - p) of the tokens too.</param>
    /// <exception cref="ArgumentException">The lengths do not add up to the tokens, or are not two a pair.</exception>
    public static PairLogProbs OfPairs(Tensor tokenLogps, ReadOnlySpan<int> lengths, double lengthAlpha = 1, Tensor? aligned = null, bool complement = false)
    {
        if (lengths.Length % 2 != 0)
        {
            throw new ArgumentException($"{lengths.Length} completions are not two a pair.");
        }

        using var scope = NewDisposeScope();
        var weighted = lengthAlpha < 1 ? tokenLogps * TailWeights(lengths, lengthAlpha, tokenLogps.device) : tokenLogps;
        var all = Of(weighted, lengths, aligned, complement ? Unlikelihood.OfTokens(tokenLogps) : null);
        return new PairLogProbs(EverySecond(all, 0), EverySecond(all, 1));
    }

    /// <param name="tokenLogps">[tokens], row by row.</param>
    /// <param name="lengths">Tokens of each row's completion.</param>
    /// <exception cref="ArgumentException">The lengths do not add up to the tokens.</exception>
    public static PairLogProbs OfSingles(Tensor tokenLogps, ReadOnlySpan<int> lengths) => new(Of(tokenLogps, lengths, null, null), null);

    private static CompletionLogProbs Of(Tensor tokenLogps, ReadOnlySpan<int> lengths, Tensor? aligned, Tensor? complement)
    {
        using var scope = NewDisposeScope();
        var sizes = lengths.ToArray().Select(length => (long)length).ToArray();
        if (sizes.Length == 0 || tokenLogps.dim() != 1 || tokenLogps.size(0) != sizes.Sum())
        {
            throw new ArgumentException($"{sizes.Length} completions have {sizes.Sum()} tokens, and there are {tokenLogps.numel()} log-probabilities.");
        }

        var counts = tensor(sizes, device: tokenLogps.device).to(ScalarType.Float64);
        return new CompletionLogProbs(SegmentSums(tokenLogps, sizes).MoveToOuterDisposeScope(), counts.MoveToOuterDisposeScope())
        {
            Aligned = aligned is null ? null : (SegmentSums(aligned.detach(), sizes) / counts.clamp(min: 1)).MoveToOuterDisposeScope(),
            Complement = complement is null ? null : SegmentSums(complement, sizes).MoveToOuterDisposeScope(),
        };
    }

    private static Tensor SegmentSums(Tensor values, long[] sizes) => stack(values.to(ScalarType.Float64).split(sizes).Select(part => part.sum()));

    private static CompletionLogProbs EverySecond(CompletionLogProbs all, long first)
    {
        Tensor Column(Tensor values) => values.view(-1, 2).select(1, first).contiguous().MoveToOuterDisposeScope();
        return new CompletionLogProbs(Column(all.Sum), Column(all.Tokens))
        {
            Aligned = all.Aligned is null ? null : Column(all.Aligned),
            Complement = all.Complement is null ? null : Column(all.Complement),
        };
    }

    private static Tensor TailWeights(ReadOnlySpan<int> lengths, double alpha, Device device)
    {
        var weights = new List<float>();
        for (var i = 0; i < lengths.Length; i++)
        {
            var shared = Math.Min(lengths[i], lengths[i ^ 1]);
            weights.AddRange(Enumerable.Repeat(1f, shared).Concat(Enumerable.Repeat((float)alpha, lengths[i] - shared)));
        }

        return tensor(weights.ToArray(), device: device);
    }
}
