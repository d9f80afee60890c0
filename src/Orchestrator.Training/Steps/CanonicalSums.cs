using System.Collections.Immutable;
using Orchestrator.Core;
using static TorchSharp.torch;

namespace Orchestrator.Training.Steps;

/// <summary>
/// Leaves added along the canonical tree, left to right and depth first: at most one buffer a level is open at a time, besides the whole nodes
/// that are finished.
/// </summary>
internal sealed class CanonicalSums(GradientSlots slots) : ILeafSums
{
    private readonly Dictionary<TreeNode, GradientSlot> _held = [];
    private readonly LeafRecords _records = new();
    private (long Step, int Leaves) _of = (-1, 0);

    public ReductionPlan PlanOf(StepWork work)
    {
        var tree = new CanonicalTree(work.Leaves);
        return new ReductionPlan(tree, [.. Enumerable.Range(0, work.Deal.WorldSize).Select(rank => tree.WholeNodes(work.Deal.LeavesOf(rank)))]);
    }

    public ImmutableArray<GradientSlot> Compute(StepWork work, Func<int, ImmutableArray<MetricSum>> train, CancellationToken cancellation)
    {
        var plan = PlanOf(work);
        var wanted = plan.Nodes[work.Rank];
        KeepWhatHelps(work, plan.Tree, wanted);
        return [.. wanted.Select(node => Produce(plan.Tree, node, train, cancellation))];
    }

    public ImmutableArray<LeafSums> MetricsOf(StepWork work) => _records.MetricsOf(work);

    public ImmutableArray<int> BadLeaves(StepWork work) => _records.BadLeaves(work);

    public void Drop()
    {
        foreach (var slot in _held.Values)
        {
            slots.Return(slot);
        }

        _held.Clear();
        _records.Clear();
        _of = (-1, 0);
    }

    private void KeepWhatHelps(StepWork work, CanonicalTree tree, ImmutableArray<TreeNode> wanted)
    {
        if (_of != (work.Id.Step, work.Leaves))
        {
            Drop();
            _of = (work.Id.Step, work.Leaves);
        }

        var leaves = wanted.SelectMany(node => tree.LeavesOf(node).Leaves).ToHashSet();
        foreach (var node in _held.Keys.Where(node => tree.LeavesOf(node).Leaves.Any(leaf => !leaves.Contains(leaf) || _records.IsBad(leaf))).ToArray())
        {
            _held.Remove(node, out var slot);
            slots.Return(slot!);
        }
    }

    private GradientSlot Produce(CanonicalTree tree, TreeNode node, Func<int, ImmutableArray<MetricSum>> train, CancellationToken cancellation)
    {
        node = tree.Canonical(node);
        if (!_held.TryGetValue(node, out var sum))
        {
            sum = node.Height == 0 ? Leaf(node.Index, train, cancellation) : Inner(tree, node, train, cancellation);
            _held.Add(node, sum);
        }

        return sum;
    }

    private GradientSlot Inner(CanonicalTree tree, TreeNode node, Func<int, ImmutableArray<MetricSum>> train, CancellationToken cancellation)
    {
        var left = Produce(tree, node.Left, train, cancellation);
        var right = Produce(tree, node.Right, train, cancellation);
        using (no_grad())
        {
            left.Flat.add_(right.Flat);
        }

        _held.Remove(tree.Canonical(node.Left));
        _held.Remove(tree.Canonical(node.Right));
        slots.Return(right);
        return left;
    }

    private GradientSlot Leaf(int leaf, Func<int, ImmutableArray<MetricSum>> train, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var slot = slots.Rent();
        try
        {
            slots.Bind(slot);
            _records.Add(leaf, train(leaf), slot);
            return slot;
        }
        catch
        {
            slots.Return(slot);
            throw;
        }
    }
}
