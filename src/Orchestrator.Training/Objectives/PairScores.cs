using static TorchSharp.torch;

namespace Orchestrator.Training.Objectives;

/// <summary>What the formulas are written in. All tensors are [pairs] fp64.</summary>
/// <param name="Chosen">a: the policy's log-probability of the chosen answer minus the reference's, or what the divergence makes of it; carries gradient.</param>
/// <param name="Rejected">r: the same of the rejected answer.</param>
/// <param name="Policy">Sums, means and token counts.</param>
/// <param name="Reference">Null where the objective has none.</param>
internal sealed record PairScores(Tensor Chosen, Tensor Rejected, PairLogProbs Policy, PairLogProbs? Reference, StepView Step)
{
    /// <summary>d = a - r: how much more than the reference the policy prefers the chosen answer.</summary>
    public Tensor Margin => Chosen - Rejected;

    /// <summary>a / |chosen| - r / |rejected|, nats per token.</summary>
    public Tensor MeanMargin => Chosen / Policy.Chosen.Tokens.clamp(min: 1) - Rejected / Policy.Rejected!.Tokens.clamp(min: 1);
}

/// <summary>A formula: the loss of each pair, [pairs] fp64, unreduced.</summary>
internal delegate Tensor PairLoss(PairScores scores, ObjectiveOptions options);
