using System.Collections.Immutable;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Objectives;

/// <summary>
/// What training makes small. An objective sees log-probabilities only: no model, no rank, no file. It is a pure function, safe to share.
/// </summary>
public interface IObjective
{
    /// <summary>As the run file names it; the terms of a mixture joined by +.</summary>
    string Name { get; }

    ObjectiveNeeds Needs { get; }

    /// <summary>Losses of a leaf's rows.</summary>
    /// <param name="policy">Of the leaf; carries gradient.</param>
    /// <param name="reference">Of the leaf; carries none. Null where <see cref="ObjectiveNeeds.Reference"/> is false.</param>
    /// <param name="step">The step to which the leaf belongs.</param>
    /// <exception cref="ArgumentException">Something that the objective needs is missing, or numbers of pairs differ.</exception>
    ObjectiveResult Compute(PairLogProbs policy, PairLogProbs? reference, StepView step);
}

/// <summary>By what the sum of losses of a step is divided, once.</summary>
public enum Normalizer
{
    /// <summary>Rows of the step.</summary>
    Pairs,

    /// <summary>Completion tokens of the step.</summary>
    CompletionTokens,
}

/// <summary>What an objective asks of the training step.</summary>
public sealed record ObjectiveNeeds
{
    /// <summary>Log-probabilities under the reference model.</summary>
    public required bool Reference { get; init; }

    /// <summary>Names of the metrics that steps and evaluations have, TRL's.</summary>
    public ImmutableArray<string> Metrics => Labels ? ["loss", "rewards/chosen", "rewards/rejected", "logps/chosen", "logps/rejected", "kl", "num_tokens"]
        : CompletionsPerRow == 1 ? ["loss", "logps/chosen", "mean_token_accuracy", "num_tokens"]
        : ["loss", "rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected", "num_tokens"];

    /// <summary>2: pairs; 1: one completion a row.</summary>
    public int CompletionsPerRow { get; init; } = 2;

    public Normalizer Normalizer { get; init; } = Normalizer.Pairs;

    /// <summary>
    /// The loss of one pair depends on the step's other pairs. The training step then computes the log-probabilities of all the step's pairs first,
    /// without gradient, and gives them to every leaf as <see cref="StepView.Whole"/>. Within a leaf the gradient is again an ordinary backward
    /// pass: what comes from the other pairs is constant, because the objective's exact gradient has no path through them.
    /// </summary>
    public bool WholeStep { get; init; }

    /// <summary>With <see cref="WholeStep"/>: the step's prompts with answers of other prompts of the step, instead of with their own.</summary>
    public bool Mismatched { get; init; }

    /// <summary>Whether each row's one completion is desirable: <see cref="PairLogProbs.Desirable"/>.</summary>
    public bool Labels { get; init; }

    /// <summary><see cref="PairLogProbs.RewardMargin"/> of the policy.</summary>
    public bool RewardMargins { get; init; }

    /// <summary><see cref="CompletionLogProbs.Aligned"/> of the policy.</summary>
    public bool Aligned { get; init; }

    /// <summary><see cref="CompletionLogProbs.Complement"/> of the policy.</summary>
    public bool Complement { get; init; }

    /// <summary>To be given to <see cref="CompletionSums.OfPairs"/> for policy and reference; 1: none.</summary>
    public double LengthAlpha { get; init; } = 1;
}

/// <summary>The step to which a leaf belongs, as far as its plan and data say: the same for every leaf, whoever computes it.</summary>
/// <param name="Pairs">Rows of the whole step.</param>
/// <param name="ChosenTokens">Completion tokens of all chosen answers of the step.</param>
/// <param name="RejectedTokens">The same of the rejected ones; 0 where rows have one completion.</param>
public sealed record StepView(long Pairs, long ChosenTokens, long RejectedTokens = 0)
{
    /// <summary>Given where <see cref="ObjectiveNeeds.WholeStep"/> asks for it.</summary>
    public WholeStep? Whole { get; init; }

    /// <summary>A leaf that is a step by itself, as in evaluation.</summary>
    public static StepView Alone(PairLogProbs policy, PairLogProbs? reference)
    {
        static long Tokens(CompletionLogProbs side)
        {
            using var tokens = side.Tokens.sum();
            return (long)tokens.item<double>();
        }

        return new StepView(policy.Count, Tokens(policy.Chosen), policy.Rejected is null ? 0 : Tokens(policy.Rejected)) { Whole = new WholeStep(policy.Detach(), reference, 0) };
    }
}

/// <summary>
/// Log-probabilities of all pairs of the step, in the order of its leaves and their rows; constants. Where the objective asks for mismatched ones, a row
/// that has none counts 0 tokens.
/// </summary>
/// <param name="First">Index among them of the leaf's first pair.</param>
public sealed record WholeStep(PairLogProbs Policy, PairLogProbs? Reference, long First);

/// <summary>Unreduced: the training step adds and divides once.</summary>
/// <param name="Loss">[rows] fp64, nats; carries gradient. In a normalizer of completion tokens, the sum over the row's tokens.</param>
/// <param name="ChosenRewards">[rows] fp64 without gradient: β times the log-ratio, for metrics; null where there is no reference for one completion a row.</param>
public sealed record ObjectiveResult(Tensor Loss, Tensor? ChosenRewards = null, Tensor? RejectedRewards = null)
{
    /// <summary>The step's estimate of KL(policy || reference), nats; null where the objective makes none.</summary>
    public double? Divergence { get; init; }
}
