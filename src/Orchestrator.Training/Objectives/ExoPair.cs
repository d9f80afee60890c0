using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Orchestrator.Training.Objectives;

/// <summary>Efficient exact optimization, two answers: the reverse KL from the policy's preference to a smoothed label.</summary>
internal static class ExoPair
{
    /// <summary>σ(βd)[log σ(βd) - log(1-ε)] + σ(-βd)[log σ(-βd) - log ε]; ε > 0, usually 1e-3.</summary>
    /// <remarks>Ji et al. 2024, arXiv:2402.00856, Eq. 16.</remarks>
    public static Tensor Loss(PairScores scores, ObjectiveOptions options)
    {
        var (logits, smoothing) = (options.Beta * scores.Margin, options.LabelSmoothing);
        return logits.sigmoid() * (logsigmoid(logits) - Math.Log(1 - smoothing)) + logits.neg().sigmoid() * (logsigmoid(-logits) - Math.Log(smoothing));
    }
}
