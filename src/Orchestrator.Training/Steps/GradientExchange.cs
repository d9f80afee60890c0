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
    private readonly long _bucket;
    private readonly WholeStepExchange? _whole;

    public GradientExchange(ReplicaParts parts)
    {
        _parts = parts;
        _bucket = parts.Options.BucketBytes / 64 * 16;
        _whole = parts.Step.Objective.Needs.WholeStep ? new WholeStepExchange(parts, Buckets) : null;
        Result = parts.Memory.Allocate("reduced gradient", parts.State.Layout.Length);
    }

    /// <summary>The sum over all leaves of the step, after <see cref="ReduceAsync"/>.</summary>
    public FloatBuffer Result { get; }

    /// <summary>Of the numbers that name a step's collectives, the first that gradients and the whole step's values leave free.</summary>
    public int FreeBucket => Buckets + 1;

    private int Buckets => (int)((_parts.State.Layout.Length + _bucket - 1) / _bucket);

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

    /// <summary>Ends when no bucket is under way any more, well or not.</summary>
    /// <exception cref="CollectiveException">A peer failed.</exception>
    public async Task ReduceAsync(StepWork work, ReductionPlan plan, ImmutableArray<FloatBuffer> mine, IGradientExchange exchange, CancellationToken cancellation)
    {
        async Task Reduce(int bucket)
        {
            var start = bucket * _bucket;
            var length = Math.Min(_bucket, Result.Length - start);
            await exchange.AllReduceAsync(
                work.Id, bucket, plan.Tree, plan.Nodes, [.. mine.Select(node => node.Slice(start, length))], Result.Slice(start, length), cancellation);
        }

        await Task.WhenAll(Enumerable.Range(0, Buckets).Select(Reduce));
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
}
