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
        var rows = leaf.Policy.Count;
        var named = Tensors(leaf, result).ToArray();
        var sums = stack(named.Select(metric => metric.Values.to(ScalarType.Float64).sum())).cpu().data<double>().ToArray();
        var tokens = needs.CompletionsPerRow == 1 || needs.Normalizer == Normalizer.CompletionTokens ? leaf.Policy.Chosen.Tokens.sum().item<double>() : 0;
        double WeightOf(string name) =>
            name == "mean_token_accuracy" || (name == "loss" && needs.Normalizer == Normalizer.CompletionTokens) ? tokens : rows;
        return
        [
            .. named.Zip(sums, (metric, sum) => new MetricSum(metric.Name, sum, WeightOf(metric.Name))),
            new MetricSum("num_tokens", sequenceTokens, 0),
        ];
    }

    private static IEnumerable<(string Name, Tensor Values)> Tensors(LeafLogProbs leaf, ObjectiveResult result)
    {
        yield return ("loss", result.Loss.detach());
        if (result is { ChosenRewards: { } chosen, RejectedRewards: { } rejected })
        {
            yield return ("rewards/chosen", chosen);
            yield return ("rewards/rejected", rejected);
            yield return ("rewards/accuracies", chosen > rejected);
            yield return ("rewards/margins", chosen - rejected);
        }

        yield return ("logps/chosen", leaf.Policy.Chosen.Sum.detach());
        if (leaf.Policy.Rejected is { } other)
        {
            yield return ("logps/rejected", other.Sum.detach());
        }

        if (leaf.FirstChoice is { } choice)
        {
            yield return ("mean_token_accuracy", choice);
        }
    }
}
