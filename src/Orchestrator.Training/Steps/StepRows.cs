using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Training.Steps;

/// <summary>Which rows of the training set make up which leaf: the plan says which belong to a step, their lengths which of them go together. Thread-safe.</summary>
internal sealed class StepRows(BatchPlan plan, PairSet train)
{
    // The step in hand and the one after it, whose first leaf is prepared meanwhile.
    private volatile Known[] _known = [];

    /// <summary>Rows of one leaf, in the plan's order.</summary>
    public ImmutableArray<int> Of(long step, int leaf) => Leaves(step)[leaf];

    /// <summary>Rows of the whole step, leaf by leaf.</summary>
    public int[] Of(long step) => [.. Leaves(step).SelectMany(rows => rows)];

    private ImmutableArray<int>[] Leaves(long step)
    {
        var known = _known;
        if (known.FirstOrDefault(one => one.Step == step) is { } found)
        {
            return found.Leaves;
        }

        int[] rows = [.. Enumerable.Range(0, plan.LeavesInStep(step)).SelectMany(leaf => plan.PairsOf(step, leaf))];
        var places = EvenLeaves.Deal([.. rows.Select(train.TokensToCompute)], plan.PairsPerLeaf);
        var made = new Known(step, [.. places.Select(leaf => leaf.Select(place => rows[place]).ToImmutableArray())]);
        _known = [made, .. known.Take(1)];
        return made.Leaves;
    }

    private sealed record Known(long Step, ImmutableArray<int>[] Leaves);
}
