using System.Collections.Immutable;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Objectives;

/// <summary>A weighted sum of formulas over pairs; most often of one.</summary>
internal sealed class PairwiseObjective(ImmutableArray<(Formula Formula, double Weight)> terms, ObjectiveOptions options) : IObjective
{
    public string Name { get; } = string.Join('+', terms.Select(term => term.Formula.Name));

    public ObjectiveNeeds Needs { get; } = new()
    {
        Reference = !options.ReferenceFree && terms.Any(term => term.Formula.Reference),
        WholeStep = terms.Any(term => term.Formula.WholeStep),
        Aligned = options.UseWeighting,
        Complement = terms.Any(term => term.Formula.Complement),
        RewardMargins = terms.Any(term => term.Formula.RewardMargins),
        LengthAlpha = options.LdAlpha ?? 1,
    };

    public ObjectiveResult Compute(PairLogProbs policy, PairLogProbs? reference, StepView step)
    {
        Check(policy, reference);
        using var scope = NewDisposeScope();
        var (chosen, rejected) = Ratios(policy, reference);
        var scores = new PairScores(FDivergence.Score(chosen, options), FDivergence.Score(rejected, options), policy, reference, step);
        var weights = options.UseWeighting ? Weights(policy) : null;
        var loss = terms.Select(term => Weighted(term.Formula, term.Weight, scores, weights)).Aggregate((sum, term) => sum + term);
        return new ObjectiveResult(loss.MoveToOuterDisposeScope(), Reward(chosen, policy.Chosen), Reward(rejected, policy.Rejected!));
    }

    private static (Tensor Chosen, Tensor Rejected) Ratios(PairLogProbs policy, PairLogProbs? reference) => reference is null
        ? (policy.Chosen.Sum, policy.Rejected!.Sum)
        : (policy.Chosen.Sum - reference.Chosen.Sum, policy.Rejected!.Sum - reference.Rejected!.Sum);

    /// <summary>How likely the policy finds both answers, per token and relative to its own sampling.</summary>
    private static Tensor Weights(PairLogProbs policy) =>
        policy.Chosen.Aligned is { } chosen && policy.Rejected!.Aligned is { } rejected
            ? (chosen + rejected).exp()
            : throw new ArgumentException("use_weighting needs the policy's aligned log-probabilities, and they were not given.");

    private Tensor Weighted(Formula formula, double weight, PairScores scores, Tensor? pairWeights)
    {
        var loss = formula.Loss(scores, options);
        return weight * (pairWeights is not null && formula.Ratios ? loss * pairWeights : loss);
    }

    private Tensor Reward(Tensor ratio, CompletionLogProbs policy) =>
        (options.Beta * (terms[0].Formula.Means ? policy.Mean : ratio).detach()).MoveToOuterDisposeScope();

    private void Check(PairLogProbs policy, PairLogProbs? reference)
    {
        if (policy.Rejected is null)
        {
            throw new ArgumentException($"Loss {Name} compares two answers, and the rejected one is missing.");
        }

        if (Needs.RewardMargins && policy.RewardMargin is null)
        {
            throw new ArgumentException($"Loss {Name} compares with rewards of the data, and they were not given.");
        }

        if (Needs.Reference != reference is not null)
        {
            throw new ArgumentException($"Loss {Name} {(Needs.Reference ? "needs" : "takes no")} log-probabilities of a reference.");
        }

        if (reference is not null && (reference.Count != policy.Count || reference.Rejected is null))
        {
            throw new ArgumentException($"The policy's log-probabilities are of {policy.Count} pairs, the reference's of {reference.Count}.");
        }
    }
}
