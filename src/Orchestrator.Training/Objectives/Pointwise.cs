using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Orchestrator.Training.Objectives;

/// <summary>Losses that judge each answer against the reference by itself, so that the chosen answer's own probability is held up.</summary>
internal static class Pointwise
{
    /// <summary>-log σ(βa) - ½ log σ(-βa) - ½ log σ(-βr).</summary>
    /// <remarks>Noise contrastive alignment: Chen et al. 2024, arXiv:2402.05369, Eq. 11 with two answers.</remarks>
    public static Tensor NcaPair(PairScores scores, ObjectiveOptions options)
    {
        var (chosen, rejected) = (options.Beta * scores.Chosen, options.Beta * scores.Rejected);
        return -logsigmoid(chosen) - 0.5 * logsigmoid(-chosen) - 0.5 * logsigmoid(-rejected);
    }

    /// <summary>-log σ(βa) - log σ(-βr).</summary>
    /// <remarks>Binary classifier optimization: Jung et al. 2024, arXiv:2404.04656, Eq. 8, without the running mean of rewards.</remarks>
    public static Tensor BcoPair(PairScores scores, ObjectiveOptions options) =>
        -logsigmoid(options.Beta * scores.Chosen) - logsigmoid(-options.Beta * scores.Rejected);

    /// <summary>(a - 1/(2β))² + (r + 1/(2β))².</summary>
    /// <remarks>Self-play preference optimization with hard labels: Wu et al. 2024, arXiv:2405.00675, Eq. 4.</remarks>
    public static Tensor SppoHard(PairScores scores, ObjectiveOptions options) =>
        (scores.Chosen - 0.5 / options.Beta).square() + (scores.Rejected + 0.5 / options.Beta).square();
}
