using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Training.Steps;

/// <summary>All leaves of a rank added into one buffer as they come; the ranks' sums are then added in rank order.</summary>
internal sealed class SequentialSums(GradientSlots slots) : ILeafSums
{
    private readonly LeafRecords _records = new();
    private readonly HashSet<int> _done = [];
    private GradientSlot? _sum;
    private (long Step, int Leaves) _of = (-1, 0);

    public ReductionPlan PlanOf(StepWork work) => new(
        new CanonicalTree(work.Deal.WorldSize),
        [.. Enumerable.Range(0, work.Deal.WorldSize).Select(rank => ImmutableArray.Create(new TreeNode(0, rank)))]);

    public void Compute(StepWork work, Func<int, ImmutableArray<MetricSum>> train, ISumsReceiver receiver, CancellationToken cancellation)
    {
        var leaves = LeafRecords.Leaves(work).ToArray();
        if (_of != (work.Id.Step, work.Leaves) || _records.AnyBad || !_done.IsSubsetOf(leaves))
        {
            Drop();
        }

        _of = (work.Id.Step, work.Leaves);
        _sum ??= slots.Rent();
        slots.Bind(_sum);
        int[] missing = [.. leaves.Where(leaf => !_done.Contains(leaf))];
        foreach (var leaf in missing)
        {
            cancellation.ThrowIfCancellationRequested();
            Add(leaf, train, leaf == missing[^1] ? receiver : null);
        }

        if (missing.Length == 0)
        {
            receiver.Begin([_sum], settle: null);
            receiver.End();
        }
    }

    public ImmutableArray<LeafSums> MetricsOf(StepWork work) => _records.MetricsOf(work);

    public ImmutableArray<int> BadLeaves(StepWork work) => _records.BadLeaves(work);

    public void Drop()
    {
        if (_sum is { } sum)
        {
            slots.Return(sum);
        }

        _sum = null;
        _done.Clear();
        _records.Clear();
        _of = (-1, 0);
    }

    private void Add(int leaf, Func<int, ImmutableArray<MetricSum>> train, ISumsReceiver? receiver)
    {
        var (bad, settling) = (_records.AnyBad, new LeafInTraining(_sum!)); // in a bad sum nothing can be told of the leaf
        try
        {
            receiver?.Begin([_sum!], settling.Settle);
            var metrics = train(leaf);
            if (receiver is null)
            {
                settling.Settle(0, slots.Length);
            }

            receiver?.End();
            _records.Add(leaf, metrics, bad || settling.Finite);
            _done.Add(leaf);
        }
        catch
        {
            Drop(); // half a leaf may be in the sum
            throw;
        }
    }
}
