using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Orchestrator.Training.Objectives;

/// <summary>Losses without a reference. Where they take a mean over tokens, β is larger: 2 to 10.</summary>
internal static class ReferenceFree
{
    /// <summary>The sigmoid loss of β(mean log p(chosen) - mean log p(rejected)) - γ; with α, plus what <see cref="Cpo"/> adds.</summary>
    /// <remarks>SimPO: Meng et al. 2024, arXiv:2405.14734, Eq. 6. TRL's trainer adds the term to it too, with α = 1 unless told.</remarks>
    public static Tensor Simpo(PairScores scores, ObjectiveOptions options)
    {
        var loss = Sigmoid.Smoothed(options.Beta * (scores.Policy.Chosen.Mean - scores.Policy.Rejected!.Mean) - options.SimpoGamma, options.LabelSmoothing);
        return options.CpoAlpha is { } alpha and > 0 ? loss + alpha * Sft.Term(scores, options) : loss;
    }

    /// <summary>The sigmoid loss of β(log p(chosen) - log p(rejected)), plus α times the cross-entropy of the step's chosen tokens.</summary>
    /// <remarks>CPO: Xu et al. 2024, arXiv:2401.08417, Eq. 5.</remarks>
    public static Tensor Cpo(PairScores scores, ObjectiveOptions options) =>
        Sigmoid.Smoothed(options.Beta * (scores.Policy.Chosen.Sum - scores.Policy.Rejected!.Sum), options.LabelSmoothing)
            + (options.CpoAlpha ?? 1) * Sft.Term(scores, options);

    /// <summary>-log p(chosen) - β log σ(log odds(chosen) - log odds(rejected)), with p the mean over tokens and odds = p / (1 - p).</summary>
    /// <remarks>ORPO: Hong et al. 2024, arXiv:2403.07691, Eq. 6; β is its λ. The cross-entropy is of the completion alone, a mean over each row's tokens; TRL counts the prompt's tokens too.</remarks>
    public static Tensor Orpo(PairScores scores, ObjectiveOptions options)
    {
        var (chosen, rejected) = (scores.Policy.Chosen.Mean, scores.Policy.Rejected!.Mean);
        return -chosen - options.Beta * logsigmoid(LogOdds(chosen) - LogOdds(rejected));
    }

    // A probability of 1 has infinite odds; it is taken as 1 - 1e-12.
    private static Tensor LogOdds(Tensor logp) => logp - logp.clamp(max: -1e-12).expm1().neg().log();
}
