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
    };

    public ObjectiveResult Compute(PairLogProbs policy, PairLogProbs? reference, StepView step)
    {
        Check(policy, reference);
        using var scope = NewDisposeScope();
        var chosen = reference is null ? policy.Chosen.Sum : policy.Chosen.Sum - reference.Chosen.Sum;
        var rejected = reference is null ? policy.Rejected!.Sum : policy.Rejected!.Sum - reference.Rejected!.Sum;
        var scores = new PairScores(chosen, rejected, policy, reference, step);
        var loss = terms.Select(term => term.Weight * term.Formula.Loss(scores, options)).Aggregate((sum, term) => sum + term);
        return new ObjectiveResult(
            loss.MoveToOuterDisposeScope(),
            (options.Beta * chosen.detach()).MoveToOuterDisposeScope(),
            (options.Beta * rejected.detach()).MoveToOuterDisposeScope());
    }

    private void Check(PairLogProbs policy, PairLogProbs? reference)
    {
        if (policy.Rejected is null)
        {
            throw new ArgumentException($"Loss {Name} compares two answers, and the rejected one is missing.");
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
