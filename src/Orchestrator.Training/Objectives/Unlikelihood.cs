using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Objectives;

/// <summary>Unlikelihood training, the DPO paper's baseline: chosen tokens up, rejected tokens down, without a reference.</summary>
internal static class Unlikelihood
{
    // What a token's probability leaves to all others stops here: below, fp32 log-probabilities are rounding, and such a token moves nothing.
    private const double SmallestComplement = 1e-6;

    /// <summary>
    /// -log p(chosen) · pairs / chosen tokens of the step - α Σ log(1 - p(rejected token)) · pairs / rejected tokens of the step: the mean over the
    /// step's pairs is the mean over its chosen tokens plus α times the mean over its rejected tokens. α = 0 is maximum likelihood.
    /// </summary>
    /// <remarks>Welleck et al. 2020, arXiv:1908.04319, Eq. 5; as a baseline with α in [0, 1]: Rafailov et al. 2023, arXiv:2305.18290, Section 6.</remarks>
    public static Tensor Loss(PairScores scores, ObjectiveOptions options)
    {
        var down = scores.Policy.Rejected!.Complement
            ?? throw new ArgumentException("Loss unlikelihood needs log(1 - p) of the rejected tokens, and it was not given.");
        return Sft.Term(scores, options) + down * (-options.UnlikelihoodAlpha * scores.Step.Pairs / Math.Max(1, scores.Step.RejectedTokens));
    }

    /// <summary>[tokens] fp64: log(1 - p) of tokens whose log p is given; at least log 1e-6.</summary>
    public static Tensor OfTokens(Tensor logps)
    {
        using var scope = NewDisposeScope();
        return logps.to(ScalarType.Float64).clamp(max: Math.Log(1 - SmallestComplement)).expm1().neg().log().MoveToOuterDisposeScope();
    }
}
