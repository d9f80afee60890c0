using static TorchSharp.torch;

namespace Orchestrator.Training.Objectives;

/// <summary>
/// Alignment by optimal transport: not each pair, but the distribution of margins over the step is to dominate the reference's, so values are
/// compared rank by rank. Every value's rank comes from the whole step; equal values rank in the order of their pairs.
/// </summary>
/// <remarks>
/// Melnyk et al. 2024, arXiv:2406.05882, Section 4. Over the whole step, where others sort what one device happens to hold. The gradient is that
/// of the sorted loss: a rank does not change under a small change, so the other side of each comparison is constant.
/// </remarks>
internal static class Aot
{
    /// <summary>Sorted policy margins (chosen minus rejected) against sorted reference margins.</summary>
    public static Tensor Paired(PairScores scores, ObjectiveOptions options)
    {
        var (policy, reference, first) = Whole(scores);
        var ranks = Ranks(policy.Chosen.Sum - policy.Rejected!.Sum);
        var sorted = Sorted(reference is null ? zeros_like(policy.Chosen.Sum) : reference.Chosen.Sum - reference.Rejected!.Sum);
        var own = scores.Policy.Chosen.Sum - scores.Policy.Rejected!.Sum;
        return Sigmoid.Smoothed(options.Beta * (own - At(sorted, ranks, first, own)), options.LabelSmoothing);
    }

    /// <summary>Sorted chosen log-ratios against sorted rejected log-ratios.</summary>
    public static Tensor Unpaired(PairScores scores, ObjectiveOptions options)
    {
        var (policy, reference, first) = Whole(scores);
        var chosen = reference is null ? policy.Chosen.Sum : policy.Chosen.Sum - reference.Chosen.Sum;
        var rejected = reference is null ? policy.Rejected!.Sum : policy.Rejected!.Sum - reference.Rejected!.Sum;
        Tensor Loss(Tensor margin) => Sigmoid.Smoothed(options.Beta * margin, options.LabelSmoothing);
        var byChosen = Loss(scores.Chosen - At(Sorted(rejected), Ranks(chosen), first, scores.Chosen));

        // The loss is counted where its chosen side stands; its rejected side, most often in another pair, brings the gradient alone.
        var byRejected = Loss(At(Sorted(chosen), Ranks(rejected), first, scores.Rejected) - scores.Rejected);
        return byChosen + byRejected - byRejected.detach();
    }

    private static (PairLogProbs Policy, PairLogProbs? Reference, long First) Whole(PairScores scores)
    {
        var whole = scores.Step.Whole ?? throw new ArgumentException("Loss aot compares all pairs of a step, and their log-probabilities were not given.");
        return (whole.Policy.Detach(), whole.Reference?.Detach(), whole.First);
    }

    /// <summary>sorted[rank of the leaf's i-th pair], constant.</summary>
    private static Tensor At(double[] sorted, int[] ranks, long first, Tensor leaf) =>
        tensor(ranks.Skip((int)first).Take((int)leaf.size(0)).Select(rank => sorted[rank]).ToArray(), device: leaf.device);

    private static double[] Sorted(Tensor values) => [.. Host(values).Order()];

    private static int[] Ranks(Tensor values)
    {
        var host = Host(values);
        var ranks = new int[host.Length];
        foreach (var (pair, rank) in Enumerable.Range(0, host.Length).OrderBy(pair => host[pair]).Select((pair, rank) => (pair, rank)))
        {
            ranks[pair] = rank;
        }

        return ranks;
    }

    private static double[] Host(Tensor values) => values.to(ScalarType.Float64).cpu().contiguous().data<double>().ToArray();
}
