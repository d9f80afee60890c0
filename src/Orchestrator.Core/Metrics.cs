using System.Collections.Immutable;

namespace Orchestrator.Core;

/// <summary>
/// A metric as a sum that can still be added: its value is Sum / Weight, divided once, over all pairs of a step. So a metric does not depend
/// on the number of workers. Weight 0 marks a counter, whose value is the sum itself (num_tokens).
/// </summary>
/// <param name="Name">TRL's name: rewards/chosen, rewards/accuracies, logps/chosen, loss, num_tokens, ...</param>
public readonly record struct MetricSum(string Name, double Sum, double Weight)
{
    public double Value => Weight == 0 ? Sum : Sum / Weight;
}

/// <summary>The metric sums of one leaf.</summary>
public sealed record LeafSums(int Leaf, ImmutableArray<MetricSum> Sums)
{
    /// <summary>Adds the leaves' sums along the canonical tree, so that the last bit does not depend on who computed which leaf.</summary>
    /// <param name="leaves">Every leaf of a step once, in any order; all with the same metrics in the same order.</param>
    public static ImmutableArray<MetricSum> Total(IEnumerable<LeafSums> leaves)
    {
        var ordered = leaves.OrderBy(leaf => leaf.Leaf).Select(leaf => leaf.Sums.ToArray()).ToArray();
        if (ordered.Length == 0)
        {
            return [];
        }

        var nodes = Enumerable.Range(0, ordered.Length).Select(leaf => new TreeNode(0, leaf)).ToArray();
        foreach (var (into, from) in new CanonicalTree(ordered.Length).Additions(nodes))
        {
            for (var i = 0; i < ordered[into].Length; i++)
            {
                var (a, b) = (ordered[into][i], ordered[from][i]);
                ordered[into][i] = a with { Sum = a.Sum + b.Sum, Weight = a.Weight + b.Weight };
            }
        }

        return [.. ordered[0]];
    }
}
