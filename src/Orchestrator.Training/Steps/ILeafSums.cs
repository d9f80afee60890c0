using System.Collections.Immutable;
using Orchestrator.Core;

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
    /// <param name="receiver">Is given the sums. Where this throws, they are taken back, and may be read until the receiver is done with them.</param>
    void Compute(StepWork work, Func<int, ImmutableArray<MetricSum>> train, ISumsReceiver receiver, CancellationToken cancellation);

    /// <summary>Metrics of this rank's leaves, in order, after <see cref="Compute"/>.</summary>
    ImmutableArray<LeafSums> MetricsOf(StepWork work);

    /// <summary>Of these leaves, those whose gradient was not finite.</summary>
    ImmutableArray<int> BadLeaves(StepWork work);

    /// <summary>Forgets everything: the step was applied.</summary>
    void Drop();
}

/// <summary>Takes a rank's sums, the last of them piece by piece while it becomes final. On the device thread.</summary>
internal interface ISumsReceiver
{
    /// <summary>The last missing leaf is about to be trained, or none is missing.</summary>
    /// <param name="sums">One buffer for each of this rank's nodes in the plan, in order.</param>
    /// <param name="settle">
    /// (start, length): what backward has added to these floats of the leaf is final; adds what the leaf's node holds besides. Called once for every
    /// float until <see cref="End"/> returns. null: the sums are final.
    /// </param>
    void Begin(ImmutableArray<GradientSlot> sums, Action<long, long>? settle);

    /// <summary>Backward is over: all that was not settled yet is final.</summary>
    void End();
}

/// <summary>A leaf whose gradient becomes final piece by piece.</summary>
/// <param name="slot">Backward adds to it.</param>
/// <param name="beside">Sums that are added to each piece, in this order.</param>
internal sealed class LeafInTraining(GradientSlot slot, params GradientSlot[] beside)
{
    /// <summary>No NaN and no infinity stood in a piece before sums were added to it.</summary>
    public bool Finite { get; private set; } = true;

    public void Settle(long start, long length)
    {
        Finite &= slot.IsFinite(start, length);
        foreach (var sum in beside)
        {
            slot.Add(sum, start, length);
        }
    }
}

/// <summary>What both ways of adding keep of the step's leaves.</summary>
internal sealed class LeafRecords
{
    private readonly Dictionary<int, ImmutableArray<MetricSum>> _metrics = [];
    private readonly SortedSet<int> _bad = [];

    public bool IsBad(int leaf) => _bad.Contains(leaf);

    public bool AnyBad => _bad.Count > 0;

    /// <param name="finite">Of the leaf's gradient, alone or added to finite ones.</param>
    public void Add(int leaf, ImmutableArray<MetricSum> metrics, bool finite)
    {
        _metrics[leaf] = metrics;
        if (finite)
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
}
