using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Training.Steps;

/// <summary>Which rows of the training set make up which leaf: the plan says which belong to a step, their lengths which of them go together.</summary>
internal sealed class StepRows(BatchPlan plan, PairSet train)
{
    private (long Step, ImmutableArray<int>[] Leaves) _last = (-1, []);

    /// <summary>Rows of one leaf, in the plan's order.</summary>
    public ImmutableArray<int> Of(long step, int leaf) => Leaves(step)[leaf];

    /// <summary>Rows of the whole step, leaf by leaf.</summary>
    public int[] Of(long step) => [.. Leaves(step).SelectMany(rows => rows)];

    private ImmutableArray<int>[] Leaves(long step)
    {
        var last = _last;
        if (last.Step != step)
        {
            int[] rows = [.. Enumerable.Range(0, plan.LeavesInStep(step)).SelectMany(leaf => plan.PairsOf(step, leaf))];
            _last = last = (step, [.. EvenLeaves.Deal([.. rows.Select(train.TokensToCompute)], plan.PairsPerLeaf).Select(places => places.Select(place => rows[place]).ToImmutableArray())]);
        }

        return last.Leaves;
    }
}
