using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Training.Models;
using Orchestrator.Training.Native;
using Orchestrator.Training.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Steps;

/// <summary>A replica's side of the all-reduce: cuts gradients into buckets, and holds the sum where it is staged.</summary>
internal sealed class GradientExchange
{
    private readonly ReplicaParts _parts;
    private readonly ImmutableArray<Bucket> _buckets;
    private readonly WholeStepExchange? _whole;

    public GradientExchange(ReplicaParts parts)
    {
        _parts = parts;
        _buckets = BucketsOf(parts);
        _whole = parts.Step.Objective.Needs.WholeStep ? new WholeStepExchange(parts, _buckets.Length) : null;
        Result = parts.Memory.Allocate("reduced gradient", parts.State.Layout.Length);
    }

    /// <summary>The sum over all leaves of the step, after <see cref="Reduce"/>.</summary>
    public FloatBuffer Result { get; }

    /// <summary>Of the numbers that name a step's collectives, the first that gradients and the whole step's values leave free.</summary>
    public int FreeBucket => _buckets.Length + 1;

    /// <summary>What a leaf's objective is told of the whole step; where it looks across pairs, this is a forward pass and a collective of its own.</summary>
    public async Task<StepView> ViewAsync(StepWork work, IGradientExchange exchange, DeviceThread device, CancellationToken cancellation)
    {
        var view = _parts.ViewOf(work.Id.Step);
        if (_whole is not null)
        {
            await _whole.GatherAsync(work, exchange, device, cancellation);
        }

        return view;
    }

    /// <summary>The view of one leaf, on the device thread.</summary>
    public StepView ForLeaf(StepView step, int leaf) => _whole is null ? step : step with { Whole = _whole.Of(leaf) };

    /// <summary>Begins an attempt's all-reduce, which takes this rank's sums as they become final.</summary>
    public StepReduction Reduce(StepWork work, ReductionPlan plan, IGradientExchange exchange, CancellationToken cancellation)
    {
        return new StepReduction(_buckets, _parts.Slots, early: _buckets.Length > 1 && work.Deal.WorldSize > 1, One, cancellation);

        async Task One(Bucket bucket, ImmutableArray<FloatBuffer> mine, CancellationToken stop)
        {
            var began = Timeline.Now;
            ImmutableArray<FloatBuffer> parts = [.. mine.Select(node => node.Slice(bucket.Start, bucket.Length))];
            await exchange.AllReduceAsync(work.Id, bucket.Number, plan.Tree, plan.Nodes, parts, Result.Slice(bucket.Start, bucket.Length), stop);
            _parts.Timeline.Add("bucket", work.Id.Step, began, Timeline.Now, row: bucket.Number + 1);
        }
    }

    /// <summary>Gives the optimizer the staged gradient where it computes; it may overwrite it.</summary>
    public void WithResultOnDevice(Action<Tensor> use)
    {
        using var host = NativeTensor.Over(Result);
        if (_parts.Policy.Device.type == DeviceType.CPU)
        {
            use(host);
            return;
        }

        var slot = _parts.Slots.Rent();
        using (no_grad())
        {
            slot.Flat.copy_(host);
        }

        use(slot.Flat);
        _parts.Slots.Return(slot);
    }

    public void Forget() => _whole?.Forget();

    /// <summary>Gives the buffers back.</summary>
    public void Release()
    {
        _parts.Memory.Release(Result);
        _whole?.Forget();
    }

    // A bucket is final when the parameter in it is that backward comes to last.
    private static ImmutableArray<Bucket> BucketsOf(ReplicaParts parts)
    {
        var (order, layout, size) = (BackwardOrder.Of(parts.Policy.Spec), parts.State.Layout, parts.Options.BucketBytes / 64L * 16);
        var buckets = new List<Bucket>();
        for (long start = 0; start < layout.Length; start += size)
        {
            var length = Math.Min(size, layout.Length - start);
            var within = layout.Entries.Where(entry => entry.Start < start + length && entry.Start + entry.Length > start);
            buckets.Add(new Bucket(buckets.Count, start, length, within.Min(entry => order.GetValueOrDefault(entry.Name, BackwardOrder.AtTheEnd))));
        }

        return [.. buckets.OrderByDescending(bucket => bucket.FinalAt)];
    }
}
