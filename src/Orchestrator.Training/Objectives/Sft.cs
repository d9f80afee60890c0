using static TorchSharp.torch;

namespace Orchestrator.Training.Objectives;

/// <summary>Cross-entropy of the completion given its prompt.</summary>
internal static class Sft
{
    /// <summary>
    /// As a term beside pairwise losses: -log p(chosen) · pairs / tokens of the step, so that the mean over the step's pairs is the mean over the
    /// tokens of its chosen answers, each counted alike.
    /// </summary>
    public static Tensor Term(PairScores scores, ObjectiveOptions options) =>
        scores.Policy.Chosen.Sum * (-(double)scores.Step.Pairs / Math.Max(1, scores.Step.ChosenTokens));
}

/// <summary>Supervised fine-tuning: -Σ log p(token) of each row, divided once by the completion tokens of the step.</summary>
internal sealed class SftObjective : IObjective
{
    public string Name => "sft";

    public ObjectiveNeeds Needs { get; } = new() { Reference = false, CompletionsPerRow = 1, Normalizer = Normalizer.CompletionTokens };

    public ObjectiveResult Compute(PairLogProbs policy, PairLogProbs? reference, StepView step) => new(-policy.Chosen.Sum);
}
