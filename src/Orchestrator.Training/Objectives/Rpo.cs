using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Orchestrator.Training.Objectives;

/// <summary>
/// Reward-aware preference optimization: the policy's margin βd is drawn to the margin ηg of rewards that come with the data, so that a pair whose
/// answers are nearly as good as one another is not driven apart. g is <see cref="PairLogProbs.RewardMargin"/>, η is gt_reward_scale.
/// </summary>
/// <remarks>Nvidia 2024, arXiv:2406.11704, Eq. 2; distances as in Sun et al. 2025, arXiv:2502.00203, Table 1, without the ½ of the square.</remarks>
internal static class Rpo
{
    /// <summary>(βd - ηg)²; nats².</summary>
    public static Tensor Square(PairScores scores, ObjectiveOptions options) => (options.Beta * scores.Margin - Given(scores, options)).square();

    /// <summary>KL of a coin of odds e^{ηg} from one of odds e^{βd}: σ(ηg)(log σ(ηg) - log σ(βd)) + σ(-ηg)(log σ(-ηg) - log σ(-βd)).</summary>
    public static Tensor BackwardKl(PairScores scores, ObjectiveOptions options) => Divergence(Given(scores, options), options.Beta * scores.Margin);

    /// <summary>The same with the coins exchanged.</summary>
    public static Tensor ForwardKl(PairScores scores, ObjectiveOptions options) => Divergence(options.Beta * scores.Margin, Given(scores, options));

    /// <summary>KL(p || q), nats, of two coins by the logarithms of their odds.</summary>
    private static Tensor Divergence(Tensor p, Tensor q) => p.sigmoid() * (logsigmoid(p) - logsigmoid(q)) + (-p).sigmoid() * (logsigmoid(-p) - logsigmoid(-q));

    private static Tensor Given(PairScores scores, ObjectiveOptions options) => options.GtRewardScale * scores.Policy.RewardMargin!;
}
