using static TorchSharp.torch;

namespace Orchestrator.Training.Objectives;

/// <summary>Identity preference optimization: the margin is drawn to 1/(2β) and no further.</summary>
internal static class Ipo
{
    /// <summary>(x - 1/(2β))² with x = a / |chosen| - r / |rejected|, means over tokens: its authors' reading, and what "ipo" means elsewhere.</summary>
    /// <remarks>Azar et al. 2023, arXiv:2310.12036, Eq. 17; nats² per token².</remarks>
    public static Tensor Loss(PairScores scores, ObjectiveOptions options) => (scores.MeanMargin - 1 / (2 * options.Beta)).square();

    /// <summary>The same with x = d, sums over tokens, as the DPO authors' code has it.</summary>
    public static Tensor OfSums(PairScores scores, ObjectiveOptions options) => (scores.Margin - 1 / (2 * options.Beta)).square();
}
