using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Training.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Steps;

/// <summary>The metrics of a leaf as sums, under TRL's names.</summary>
internal static class LeafMetrics
{
    /// <param name="sequenceTokens">Tokens of all sequences, prompts included.</param>
    public static ImmutableArray<MetricSum> Of(ObjectiveNeeds needs, LeafLogProbs leaf, ObjectiveResult result, long sequenceTokens)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var named = (leaf.Policy.Desirable is { } desirable ? OfLabels(leaf, result, desirable) : OfAnswers(needs, leaf, result)).ToArray();
        Tensor Sums(Func<(string Name, Tensor Values, Tensor? Weights), Tensor> of) => stack(named.Select(metric => of(metric).to(ScalarType.Float64).sum()));
        var sums = Sums(metric => metric.Values).cpu().data<double>().ToArray();
        var weights = Sums(metric => metric.Weights ?? ones_like(leaf.Policy.Chosen.Sum)).cpu().data<double>().ToArray();
        return [.. named.Select((metric, i) => new MetricSum(metric.Name, sums[i], weights[i])), new MetricSum("num_tokens", sequenceTokens, 0)];
    }

    // Weights: null for one a row.
    private static IEnumerable<(string Name, Tensor Values, Tensor? Weights)> OfAnswers(ObjectiveNeeds needs, LeafLogProbs leaf, ObjectiveResult result)
    {
        var tokens = leaf.Policy.Chosen.Tokens;
        yield return ("loss", result.Loss.detach(), needs.Normalizer == Normalizer.CompletionTokens ? tokens : null);
        if (result is { ChosenRewards: { } chosen, RejectedRewards: { } rejected })
        {
            yield return ("rewards/chosen", chosen, null);
            yield return ("rewards/rejected", rejected, null);
            yield return ("rewards/accuracies", chosen > rejected, null);
            yield return ("rewards/margins", chosen - rejected, null);
        }

        yield return ("logps/chosen", leaf.Policy.Chosen.Sum.detach(), null);
        if (leaf.Policy.Rejected is { } other)
        {
            yield return ("logps/rejected", other.Sum.detach(), null);
        }

        if (leaf.FirstChoice is { } choice)
        {
            yield return ("mean_token_accuracy", choice, tokens);
        }
    }

    // Chosen are the desirable answers, rejected the others: each a mean over its own. A step without one kind has 0 there.
    private static IEnumerable<(string Name, Tensor Values, Tensor? Weights)> OfLabels(LeafLogProbs leaf, ObjectiveResult result, Tensor desirable)
    {
        var (rewards, logps, undesirable) = (result.ChosenRewards!, leaf.Policy.Chosen.Sum.detach(), 1 - desirable);
        yield return ("loss", result.Loss.detach(), null);
        yield return ("rewards/chosen", rewards * desirable, desirable);
        yield return ("rewards/rejected", rewards * undesirable, undesirable);
        yield return ("logps/chosen", logps * desirable, desirable);
        yield return ("logps/rejected", logps * undesirable, undesirable);
        yield return ("kl", full_like(logps, result.Divergence ?? 0), null);
    }
}
