using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Orchestrator.Training.Objectives;

/// <summary>The losses that take the preference for a coin whose odds are e^{βd}.</summary>
internal static class Sigmoid
{
    /// <summary>-(1-ε) log σ(βd) - ε log σ(-βd); ε = 0 is plain DPO.</summary>
    /// <remarks>Rafailov et al. 2023, arXiv:2305.18290, Eq. 7. ε: Mitchell 2023, cDPO note, Eq. 3.</remarks>
    public static Tensor Loss(PairScores scores, ObjectiveOptions options) => Smoothed(options.Beta * scores.Margin, options.LabelSmoothing);

    /// <summary>[-(1-ε) log σ(βd) + ε log σ(-βd)] / (1-2ε): unbiased where a share ε of the pairs is swapped; may be negative.</summary>
    /// <remarks>Chowdhury et al. 2024, arXiv:2403.00409, Eq. 12.</remarks>
    public static Tensor Robust(PairScores scores, ObjectiveOptions options)
    {
        var (logits, smoothing) = (options.Beta * scores.Margin, options.LabelSmoothing);
        return (smoothing * logsigmoid(-logits) - (1 - smoothing) * logsigmoid(logits)) / (1 - 2 * smoothing);
    }

    /// <summary>The sigmoid loss of β(a / |chosen| - r / |rejected|): length-normalised DPO.</summary>
    /// <remarks>Lambert et al. 2024 (Tülu 3), arXiv:2411.15124, Eq. 6.</remarks>
    public static Tensor OfMeans(PairScores scores, ObjectiveOptions options) => Smoothed(options.Beta * scores.MeanMargin, options.LabelSmoothing);

    /// <param name="logits">βd, finite however large.</param>
    public static Tensor Smoothed(Tensor logits, double smoothing) =>
        smoothing == 0 ? -logsigmoid(logits) : -(1 - smoothing) * logsigmoid(logits) - smoothing * logsigmoid(-logits);
}
