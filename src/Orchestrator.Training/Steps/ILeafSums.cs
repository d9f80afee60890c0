using System.Collections.Immutable;
using Orchestrator.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Steps;

/// <summary>What a step's all-reduce adds: the tree, and which of its nodes each rank brings.</summary>
internal sealed record ReductionPlan(CanonicalTree Tree, ImmutableArray<ImmutableArray<TreeNode>> Nodes);

/// <summary>
/// The gradients of this rank's leaves of one step, added up. Sums stay until <see cref="Drop"/> or until another step begins, so that another
/// attempt computes only what is new to this rank, or was not finite.
/// </summary>
internal interface ILeafSums
{
    ReductionPlan PlanOf(StepWork work);

    /// <summary>Computes what is missing.</summary>
    /// <param name="train">Forward and backward of a leaf into the bound buffer.</param>
    /// <returns>One buffer for each of this rank's nodes in the plan, in order.</returns>
    ImmutableArray<GradientSlot> Compute(StepWork work, Func<int, ImmutableArray<MetricSum>> train, CancellationToken cancellation);

    /// <summary>Metrics of this rank's leaves, in order, after <see cref="Compute"/>.</summary>
    ImmutableArray<LeafSums> MetricsOf(StepWork work);

    /// <summary>Of these leaves, those whose gradient was not finite.</summary>
    ImmutableArray<int> BadLeaves(StepWork work);

    /// <summary>Forgets everything: the step was applied.</summary>
    void Drop();
}

/// <summary>What both ways of adding keep of the step's leaves.</summary>
internal sealed class LeafRecords
{
    private readonly Dictionary<int, ImmutableArray<MetricSum>> _metrics = [];
    private readonly SortedSet<int> _bad = [];

    public bool IsBad(int leaf) => _bad.Contains(leaf);

    public bool AnyBad => _bad.Count > 0;

    /// <param name="slot">Holds the leaf's gradient, alone or added to finite ones; null where the sum was bad before it.</param>
    public void Add(int leaf, ImmutableArray<MetricSum> metrics, GradientSlot? slot)
    {
        _metrics[leaf] = metrics;
        if (slot is null || Finite(slot))
        {
            _bad.Remove(leaf);
        }
        else
        {
            _bad.Add(leaf);
        }
    }

    public ImmutableArray<LeafSums> MetricsOf(StepWork work) => [.. Leaves(work).Select(leaf => new LeafSums(leaf, _metrics[leaf]))];

    public ImmutableArray<int> BadLeaves(StepWork work) => [.. Leaves(work).Where(_bad.Contains)];

    public void Clear()
    {
        _metrics.Clear();
        _bad.Clear();
    }

    public static IEnumerable<int> Leaves(StepWork work) => work.Deal.LeavesOf(work.Rank).Order();

    private static bool Finite(GradientSlot slot)
    {
        if (slot.Flat.device_type == DeviceType.CPU)
        {
            return Optimizers.GradientInspection.AllFinite(slot.Host!.Value);
        }

        const long Chunk = 1 << 26;
        for (long start = 0, length = slot.Flat.size(0); start < length; start += Chunk)
        {
            using var scope = NewDisposeScope();
            if (!slot.Flat.narrow(0, start, Math.Min(Chunk, length - start)).isfinite().all().item<bool>())
            {
                return false;
            }
        }

        return true;
    }
}
