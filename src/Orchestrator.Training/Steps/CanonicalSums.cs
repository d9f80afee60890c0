using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Training.Steps;

/// <summary>
/// Leaves added along the canonical tree, left to right and depth first: at most one buffer a level is open at a time, besides the whole nodes
/// that are finished.
/// </summary>
internal sealed class CanonicalSums(GradientSlots slots) : ILeafSums
{
    private const int None = -1;

    private readonly Dictionary<TreeNode, GradientSlot> _held = [];
    private readonly LeafRecords _records = new();
    private (long Step, int Leaves) _of = (-1, 0);

    public ReductionPlan PlanOf(StepWork work)
    {
        var tree = new CanonicalTree(work.Leaves);
        return new ReductionPlan(tree, [.. Enumerable.Range(0, work.Deal.WorldSize).Select(rank => tree.WholeNodes(work.Deal.LeavesOf(rank)))]);
    }

    public void Compute(StepWork work, Func<int, ImmutableArray<MetricSum>> train, ISumsReceiver receiver, CancellationToken cancellation)
    {
        var plan = PlanOf(work);
        var wanted = plan.Nodes[work.Rank];
        KeepWhatHelps(work, plan.Tree, wanted);
        var last = wanted.Select(node => LastMissing(plan.Tree, node)).DefaultIfEmpty(None).Max();
        foreach (var node in wanted.OrderBy(node => LastMissing(plan.Tree, node) == last))
        {
            Produce(plan.Tree, node, Leaf);
        }

        if (last == None)
        {
            receiver.Begin([.. wanted.Select(node => _held[node])], settle: null);
            receiver.End();
        }

        GradientSlot Leaf(int leaf, GradientSlot[] beside)
        {
            cancellation.ThrowIfCancellationRequested();
            var slot = slots.Rent();
            try
            {
                slots.Bind(slot);
                var settling = new LeafInTraining(slot, beside);
                if (leaf == last)
                {
                    receiver.Begin([.. wanted.Select(node => _held.GetValueOrDefault(node, slot))], settling.Settle);
                }

                var metrics = train(leaf);
                if (leaf == last)
                {
                    receiver.End();
                }
                else
                {
                    settling.Settle(0, slots.Length);
                }

                _records.Add(leaf, metrics, settling.Finite);
                return slot;
            }
            catch
            {
                slots.Return(slot);
                throw;
            }
        }
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

    /// <summary>Brings a node's sum into being. Of its leaves the one that is missing last is trained last, and what stands beside it on its way up is added to it.</summary>
    /// <param name="leaf">Trains a leaf and adds to it, the lowest first, what is given.</param>
    private void Produce(CanonicalTree tree, TreeNode node, Func<int, GradientSlot[], GradientSlot> leaf)
    {
        if (_held.ContainsKey(node))
        {
            return;
        }

        var (bottom, beside) = (node, new Stack<TreeNode>());
        while (bottom.Height > 0 && !_held.ContainsKey(bottom))
        {
            var (left, right) = (tree.Canonical(bottom.Left), tree.Canonical(bottom.Right));
            (bottom, var other) = LastMissing(tree, left) > LastMissing(tree, right) ? (left, right) : (right, left);
            Produce(tree, other, leaf);
            beside.Push(other);
        }

        GradientSlot[] others = [.. beside.Select(other => _held[other])];
        if (_held.Remove(bottom, out var sum))
        {
            foreach (var other in others)
            {
                sum.Add(other, 0, slots.Length);
            }
        }
        else
        {
            sum = leaf(bottom.Index, others);
        }

        foreach (var other in beside)
        {
            _held.Remove(other, out var slot);
            slots.Return(slot!);
        }

        _held.Add(node, sum);
    }

    private int LastMissing(CanonicalTree tree, TreeNode node) =>
        tree.LeavesOf(node).Leaves.Reverse().FirstOrDefault(leaf => !_held.Keys.Any(held => tree.LeavesOf(held) is var range && leaf >= range.Start && leaf < range.End), None);
}
