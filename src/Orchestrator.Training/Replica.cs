using System.Buffers.Binary;
using System.Collections.Immutable;
using System.IO.Hashing;
using Orchestrator.Core;
using Orchestrator.Training.Checkpoints;
using Orchestrator.Training.Models;
using Orchestrator.Training.Native;
using Orchestrator.Training.Objectives;
using Orchestrator.Training.Optimizers;
using Orchestrator.Training.Planning;
using Orchestrator.Training.Steps;
using TorchSharp;

namespace Orchestrator.Training;

/// <summary>
/// One rank's policy, reference and optimizer. A step is computed, reduced and staged; only <see cref="ApplyAsync"/> changes weights. All of libtorch
/// runs on the device thread; between two such pieces of work the exchange runs wherever it runs.
/// </summary>
public sealed class Replica : IReplica
{
    private readonly DeviceThread _device;
    private readonly ReplicaParts _parts;
    private readonly ILeafSums _sums;
    private readonly GradientExchange _exchange;
    private readonly LeavesAhead _ahead;
    private readonly ReplicaTimeline _times;
    private readonly ReferencePass? _pass;
    private StagedStep? _staged;
    private bool _disposed;

    internal Replica(DeviceThread device, ReplicaParts parts, long appliedStep, ulong? stateDigest)
    {
        (_device, _parts, AppliedStep) = (device, parts, appliedStep);
        _sums = parts.Options.Reduction == Reduction.Canonical ? new CanonicalSums(parts.Slots) : new SequentialSums(parts.Slots);
        _exchange = new GradientExchange(parts);
        _ahead = new LeavesAhead(parts.Plan, (step, leaf) => parts.Train.Pack(parts.Rows.Of(step, leaf).AsSpan()));
        _times = new ReplicaTimeline(parts.Timeline);
        _pass = parts.Remembered is null ? null : new ReferencePass(parts, parts.Remembered, _exchange.FreeBucket);
        StateDigest = stateDigest ?? InitialDigest();
    }

    /// <inheritdoc/>
    public long AppliedStep { get; private set; }

    /// <inheritdoc/>
    public ulong StateDigest { get; private set; }

    /// <inheritdoc/>
    public string Compute { get; init; } = "";

    /// <inheritdoc/>
    public ImmutableArray<(string Name, FloatBuffer Buffer)> State => _parts.Remembered?.Values is { } values ? _parts.State.Host.Add(("reference log-probabilities", values.Buffer)) : _parts.State.Host;

    /// <inheritdoc/>
    public Task WarmUpAsync(CancellationToken cancellation) => _device.Run(
        () =>
        {
            var work = new StepWork(new StepId(0, 0, AppliedStep, 0), _parts.Plan.LeavesInStep(AppliedStep), new Deal([[new LeafRange(0, 1)]]), 0);
            var slot = _parts.Slots.Rent();
            try
            {
                _parts.Slots.Bind(slot);
                _parts.Step.WarmUp(_parts.Train, _parts.Rows.Of(AppliedStep, leaf: 0));
            }
            catch (Exception error) when (OutOfMemory.Is(error))
            {
                throw OutOfMemory.Explain(error, _parts, work);
            }
            finally
            {
                _parts.Slots.Return(slot);
            }
        },
        cancellation);

    /// <inheritdoc/>
    public async Task<StagedStep> ComputeAsync(StepWork work, IGradientExchange exchange, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(work);
        RequireNextStep(work);
        try
        {
            return await ReduceAsync(work, exchange, cancellation);
        }
        catch (Exception error) when (OutOfMemory.Is(error))
        {
            throw OutOfMemory.Explain(error, _parts, work);
        }
    }

    /// <inheritdoc/>
    public async Task ApplyAsync(StepId id, CancellationToken cancellation)
    {
        if (_staged is not { } staged || staged.Id != id)
        {
            throw new InvalidOperationException($"{id} is to be applied, and {(_staged is null ? "nothing" : _staged.Id)} is staged here at step {AppliedStep}.");
        }

        _times.Committed();
        await _device.Run(() => Apply(staged), cancellation);
        _times.End();
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<LeafSums>> EvaluateAsync(string split, ImmutableArray<LeafRange> leaves, CancellationToken cancellation)
    {
        if (split == ReferencePlan.SetName)
        {
            return await PassAsync(leaves, cancellation);
        }

        var (set, pairsPerLeaf) = _parts.EvaluationSet(split);
        return await _device.Run(
            () =>
            {
                var sums = new List<LeafSums>();
                foreach (var leaf in leaves.SelectMany(range => range.Leaves))
                {
                    cancellation.ThrowIfCancellationRequested();
                    var first = leaf * pairsPerLeaf;
                    var rows = Enumerable.Range(first, Math.Min(pairsPerLeaf, set.Pairs.Count - first)).ToImmutableArray();
                    sums.Add(new LeafSums(leaf, _parts.Step.Evaluate(set, rows, _parts.Plan.PairsPerLeaf)));
                }

                return sums;
            },
            cancellation);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<PromptSample>> SampleAsync(string split, ImmutableArray<int> rows, CancellationToken cancellation)
    {
        var (set, _) = _parts.EvaluationSet(split);
        var plan = _parts.Job.Sampling ?? throw new InvalidOperationException("Samples are asked for, and the job does not say how they are drawn.");
        return await _device.Run(
            () =>
            {
                var answers = rows.Select(row => PromptSampling.Answer(_parts, set, row, plan, cancellation)).ToList();
                _parts.Remembered?.ReleaseIfFinished();
                return answers;
            },
            cancellation);
    }

    /// <inheritdoc/>
    public Task<string> SaveAsync(string directory, long term, CancellationToken cancellation) => _device.Run(
        () =>
        {
            _parts.State.Refresh();
            var checkpoint = CheckpointWriter.Write(directory, _parts.Describe(term, AppliedStep, StateDigest), target =>
            {
                StateFiles.Write(target, _parts);
                FaultPoint.Reach(FaultPoint.Checkpointing);
            });
            return checkpoint.WeightsSha256;
        },
        cancellation);

    /// <inheritdoc/>
    public Task RefreshStateAsync(CancellationToken cancellation) => _device.Run(_parts.State.Refresh, cancellation);

    /// <inheritdoc/>
    public Task AdoptAsync(long appliedStep, ulong stateDigest, CancellationToken cancellation) => _device.Run(
        () =>
        {
            _parts.State.Upload();
            _sums.Drop();
            _exchange.Forget();
            (_staged, AppliedStep, StateDigest) = (null, appliedStep, stateDigest);
            if (appliedStep > _parts.Job.StartStep)
            {
                _pass?.Finish(); // who has taken that step had all values
            }
        },
        cancellation);

    /// <summary>The reference, where it is a model of its own, is in memory.</summary>
    internal bool HoldsReference => _parts.Remembered?.IsLoaded ?? true;

    /// <summary>Frees the device's memory and the buffers; nothing may still use <see cref="State"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_disposed)
        {
            _disposed = true;
            await _device.Run(() =>
            {
                _ahead.Dispose();
                _exchange.Release();
                _parts.Dispose();
            });
            await _device.DisposeAsync();
        }
    }

    /// <summary>The next link of the chain of digests.</summary>
    internal static ulong Chain(ulong previous, ulong gradient, long step)
    {
        Span<byte> link = stackalloc byte[3 * sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(link, previous);
        BinaryPrimitives.WriteUInt64LittleEndian(link[8..], gradient);
        BinaryPrimitives.WriteInt64LittleEndian(link[16..], step);
        return XxHash3.HashToUInt64(link);
    }

    private async Task<StagedStep> ReduceAsync(StepWork work, IGradientExchange exchange, CancellationToken cancellation)
    {
        _times.Begin(work.Id.Step);
        if (_pass is not null && work.Id.Step == _parts.Job.StartStep)
        {
            await _pass.ShareAsync(work, exchange, _device, cancellation);
        }

        var step = await _exchange.ViewAsync(work, exchange, _device, cancellation);
        _staged = null; // the result's buffer is overwritten from here on
        await using (var reduction = _exchange.Reduce(work, _sums.PlanOf(work), exchange, cancellation))
        {
            await _device.Run(() => ComputeLeaves(work, step, reduction, cancellation), cancellation);
            exchange.OwnPartDone();
            using (_times.Span("all_reduce"))
            {
                await reduction.FinishAsync();
            }
        }

        var staged = await _device.Run(() => Stage(work, step), cancellation);
        _times.Staged();
        return staged;
    }

    private Task<List<LeafSums>> PassAsync(ImmutableArray<LeafRange> leaves, CancellationToken cancellation)
    {
        var pass = _pass ?? throw new InvalidOperationException("The reference's values are asked for, and this replica remembers none.");
        return _device.Run(
            () => leaves.SelectMany(range => range.Leaves).Select(leaf =>
            {
                cancellation.ThrowIfCancellationRequested();
                return pass.Compute(leaf);
            }).ToList(),
            cancellation);
    }

    private void ComputeLeaves(StepWork work, StepView step, StepReduction reduction, CancellationToken cancellation)
    {
        using var span = _times.Span("leaves");
        _sums.Compute(work, TrainLeaf, reduction, cancellation);

        ImmutableArray<MetricSum> TrainLeaf(int leaf)
        {
            using var one = _times.Span("leaf");
            var packed = _ahead.Take(work.Id.Step, leaf);
            _ahead.ExpectAfter(work, leaf);
            return _parts.Step.Train(_parts.Train, _parts.Rows.Of(work.Id.Step, leaf), _exchange.ForLeaf(step, leaf), packed, reduction.Reached);
        }
    }

    private StagedStep Stage(StepWork work, StepView step)
    {
        using var span = _times.Span("inspect");
        var found = GradientInspection.Of(_exchange.Result);
        var norm = Clipping.Norm(found.SumOfSquares, _parts.NormalizerOf(step));
        _staged = new StagedStep(
            work.Id, found.Digest, found.Finite, _sums.BadLeaves(work), norm, _parts.Schedule.RateAt(work.Id.Step), _sums.MetricsOf(work), StateDigest);
        return _staged;
    }

    // A step whose gradient is not finite is only applied where the run skips such steps: then the weights stay as they are.
    private void Apply(StagedStep staged)
    {
        var step = staged.Id.Step;
        if (staged.Finite)
        {
            using var span = _times.Span("optimizer");
            var factor = Clipping.Factor(staged.GradientNorm, _parts.NormalizerOf(_parts.ViewOf(step)), _parts.Options.MaxGradNorm);
            _exchange.WithResultOnDevice(gradient => _parts.Optimizer.Step(step, staged.LearningRate, gradient, factor));
        }

        StateDigest = Chain(StateDigest, staged.Finite ? staged.GradientDigest : 0, step);
        if (_parts.Options.ReferenceUpdate is { } update && update.IsDue(step + 1))
        {
            StateDigest = Chain(StateDigest, _parts.State.MixReference(update.MixupAlpha), step);
        }

        (_staged, AppliedStep) = (null, step + 1);
        _sums.Drop();
        _exchange.Forget();
    }

    private ulong InitialDigest()
    {
        _parts.State.Refresh();
        return GradientInspection.Of(_parts.State.Host[0].Buffer).Digest;
    }

    private void RequireNextStep(StepWork work)
    {
        if (work.Id.Step != AppliedStep || work.Leaves != _parts.Plan.LeavesInStep(work.Id.Step))
        {
            throw new InvalidOperationException(
                $"{work.Id} with {work.Leaves} leaves is asked for; this replica is at step {AppliedStep}, and that step has {_parts.Plan.LeavesInStep(AppliedStep)} leaves.");
        }
    }
}
