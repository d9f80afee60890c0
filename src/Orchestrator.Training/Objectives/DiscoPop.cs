using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Orchestrator.Training.Objectives;

/// <summary>The loss that a language model found: sigmoid and exponential loss, mixed by the margin itself.</summary>
internal static class DiscoPop
{
    /// <summary>-(1-m) log σ(βd) + m e^{-βd} with m = σ(βd / τ).</summary>
    /// <remarks>
    /// Lu et al. 2024, arXiv:2406.08414, Eq. 5 (log-ratio modulated loss). m e^{-x} is taken as e^{-x + log σ(x / τ)}: with τ below 1 it then stays
    /// finite where e^{-x} alone does not.
    /// </remarks>
    public static Tensor Loss(PairScores scores, ObjectiveOptions options)
    {
        var logits = options.Beta * scores.Margin;
        var share = logits / options.DiscopopTau;
        return -share.neg().sigmoid() * logsigmoid(logits) + (logsigmoid(share) - logits).exp();
    }
}
