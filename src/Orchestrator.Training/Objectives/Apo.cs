using static TorchSharp.torch;

namespace Orchestrator.Training.Objectives;

/// <summary>Anchored preference optimization. D'Oosterlinck et al. 2024, arXiv:2408.06266, Section 3.</summary>
internal static class Apo
{
    /// <summary>1 - σ(βa) + σ(βr): the chosen answer up, the rejected one down; for chosen answers better than the policy's own.</summary>
    public static Tensor Zero(PairScores scores, ObjectiveOptions options) =>
        1 - sigmoid(options.Beta * scores.Chosen) + sigmoid(options.Beta * scores.Rejected);

    /// <summary>σ(βa) + 1 - σ(βd): both down, the rejected one further; for chosen answers worse than the policy's own.</summary>
    public static Tensor Down(PairScores scores, ObjectiveOptions options) =>
        sigmoid(options.Beta * scores.Chosen) + 1 - sigmoid(options.Beta * scores.Margin);
}
