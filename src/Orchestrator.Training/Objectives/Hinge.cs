using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Orchestrator.Training.Objectives;

/// <summary>The margin loss of RSO and SLiC.</summary>
internal static class Hinge
{
    /// <summary>max(0, 1 - βd).</summary>
    /// <remarks>Liu et al. 2023, arXiv:2309.06657, Eq. 10; Zhao et al. 2023, arXiv:2305.10425.</remarks>
    public static Tensor Loss(PairScores scores, ObjectiveOptions options) => relu(1 - options.Beta * scores.Margin);
}
