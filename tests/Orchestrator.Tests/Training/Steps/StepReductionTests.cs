using System.Collections.Immutable;
using Orchestrator.Collectives;
using Orchestrator.Core;
using Orchestrator.Tests.Collectives;
using Orchestrator.Tests.Training.Models;
using Orchestrator.Training.Models;
using Orchestrator.Training.Optimizers;
using Orchestrator.Training.Steps;

namespace Orchestrator.Tests.Training.Steps;

/// <summary>Three buckets of 64 floats; the middle one is final first, the first one last.</summary>
public sealed class StepReductionTests : IDisposable
{
    private static readonly ImmutableArray<Bucket> Buckets = [new(1, 64, 64, 2), new(2, 128, 64, 1), new(0, 0, 64, BackwardOrder.AtTheEnd)];
    private readonly CausalLM _model = TinyModel.Create("llama");
    private readonly NativeBuffers _memory = new();
    private readonly GradientSlots _slots;
    private readonly CanonicalSums _sums;
    private readonly List<(int Bucket, float[] Sum)> _reduced = [];
    private readonly SemaphoreSlim _began = new(0);

    public StepReductionTests()
    {
        _slots = new GradientSlots(_model, FlatLayout.Of(_model), _memory);
        _sums = new CanonicalSums(_slots);
    }

    public void Dispose()
    {
        _slots.Dispose();
        _model.Dispose();
        _memory.Dispose();
    }

    // Leaves 0 to 2 of 3: the node of 0 and 1 goes beside leaf 2 in the tree's root, and is added piece by piece.
    [Fact]
    public async Task Buckets_travel_while_the_last_leaf_is_in_backward_with_all_that_was_added_before()
    {
        await using var reduction = new StepReduction(Buckets, _slots, early: true, ReduceAsync, CancellationToken.None);
        _sums.Compute(Work(3), leaf => Train(leaf, reduction), reduction, CancellationToken.None);
        await reduction.FinishAsync().WaitAsync(RankHarness.Patience);
        Assert.Equal([1, 2, 0], _reduced.Select(one => one.Bucket));
        Assert.All(_reduced, one => Assert.Equal([1 + 10 + 100], one.Sum.Distinct()));

        ImmutableArray<MetricSum> Train(int leaf, StepReduction to)
        {
            Add(leaf, 64, 64);
            if (leaf < 2)
            {
                Assert.Null(to.Reached);
                Add(leaf, 0, 64);
                Add(leaf, 128, 64);
                return [];
            }

            to.Reached!(2);
            Assert.True(_began.Wait(RankHarness.Patience), "the first bucket waits for the end of backward");
            Add(leaf, 128, 64);
            to.Reached!(1);
            Assert.True(_began.Wait(RankHarness.Patience));
            Add(leaf, 0, 64);
            to.Reached!(0);
            Assert.False(_began.Wait(0));
            return [];
        }
    }

    [Fact]
    public async Task A_rank_without_leaves_and_one_that_has_all_already_send_in_the_same_order()
    {
        await using (var first = new StepReduction(Buckets, _slots, early: true, ReduceAsync, CancellationToken.None))
        {
            _sums.Compute(Work(2), AddAll, first, CancellationToken.None);
            await first.FinishAsync().WaitAsync(RankHarness.Patience);
        }

        await using (var again = new StepReduction(Buckets, _slots, early: true, ReduceAsync, CancellationToken.None))
        {
            _sums.Compute(Work(2), _ => throw new TimeoutException("it is all there"), again, CancellationToken.None);
            await again.FinishAsync().WaitAsync(RankHarness.Patience);
        }

        await using (var idle = new StepReduction(Buckets, _slots, early: true, ReduceAsync, CancellationToken.None))
        {
            new CanonicalSums(_slots).Compute(new StepWork(new StepId(1, 1, 0, 0), 2, new Deal([[new LeafRange(0, 2)], []]), 1), AddAll, idle, CancellationToken.None);
            await idle.FinishAsync().WaitAsync(RankHarness.Patience);
        }

        Assert.Equal([1, 2, 0, 1, 2, 0, 1, 2, 0], _reduced.Select(one => one.Bucket));
        Assert.Equal([11, 11, 11, 11, 11, 11], _reduced.SelectMany(one => one.Sum.Distinct()));
    }

    // Backward breaks off after the first bucket was handed over: what it did to the leaf is lost, what stood beside the leaf is not.
    [Fact]
    public async Task A_leaf_that_breaks_off_takes_its_bucket_back_and_spoils_nothing()
    {
        var released = new TaskCompletionSource();
        var reduction = new StepReduction(Buckets, _slots, early: true, Stuck, CancellationToken.None);
        Assert.Throws<TimeoutException>(() => _sums.Compute(Work(2), leaf => leaf == 0 ? AddAll(0) : BreakOff(), reduction, CancellationToken.None));
        var disposal = reduction.DisposeAsync().AsTask();
        Assert.True(_began.Wait(RankHarness.Patience), "the bucket under way was not told to stop");
        Assert.False(disposal.IsCompleted, "the sums are given up while a bucket still reads them");
        released.SetResult();
        await disposal.WaitAsync(RankHarness.Patience);

        await using var again = new StepReduction(Buckets, _slots, early: true, ReduceAsync, CancellationToken.None);
        _sums.Compute(Work(2), leaf => leaf == 1 ? AddAll(1) : throw new TimeoutException("leaf 0 is there"), again, CancellationToken.None);
        await again.FinishAsync().WaitAsync(RankHarness.Patience);
        Assert.Equal([11f], _reduced.SelectMany(one => one.Sum).Distinct());

        ImmutableArray<MetricSum> BreakOff()
        {
            Add(1, 64, 64);
            reduction.Reached!(2);
            Assert.True(_began.Wait(RankHarness.Patience));
            throw new TimeoutException();
        }

        async Task Stuck(Bucket bucket, ImmutableArray<FloatBuffer> mine, CancellationToken stop)
        {
            using var told = stop.Register(() => _began.Release());
            _began.Release();
            await released.Task;
            stop.ThrowIfCancellationRequested();
        }
    }

    [Fact]
    public async Task A_leaf_that_is_not_finite_is_told_from_what_stands_beside_it()
    {
        await using var reduction = new StepReduction(Buckets, _slots, early: true, ReduceAsync, CancellationToken.None);
        _sums.Compute(Work(2), leaf => leaf == 0 ? Spoil() : AddAll(1), reduction, CancellationToken.None);
        await reduction.FinishAsync().WaitAsync(RankHarness.Patience);
        Assert.Equal([0], _sums.BadLeaves(Work(2)).AsSpan().ToArray());

        ImmutableArray<MetricSum> Spoil()
        {
            Gradient().Slice(70, 1).Span[0] = float.NaN;
            return [];
        }
    }

    private ImmutableArray<MetricSum> AddAll(int leaf)
    {
        Add(leaf, 0, 192);
        return [];
    }

    // 1, 10, 100: whose sums tell which leaves are in them.
    private void Add(int leaf, long start, long length)
    {
        foreach (ref var value in Gradient().Slice(start, length).Span)
        {
            value += MathF.Pow(10, leaf);
        }
    }

    /// <summary>The bound slot.</summary>
    private FloatBuffer Gradient()
    {
        using var first = _model.Parameters.First().Parameter.grad!;
        return new FloatBuffer(AddressOf(first), _slots.Length);
    }

    private static unsafe nint AddressOf(TorchSharp.torch.Tensor tensor)
    {
        fixed (byte* bytes = tensor.bytes)
        {
            return (nint)bytes;
        }
    }

    private Task ReduceAsync(Bucket bucket, ImmutableArray<FloatBuffer> mine, CancellationToken stop)
    {
        _reduced.Add((bucket.Number, [.. mine.SelectMany(node => node.Slice(bucket.Start, bucket.Length).Span.ToArray())]));
        _began.Release();
        return Task.CompletedTask;
    }

    private static StepWork Work(int leaves) => new(new StepId(1, 1, 0, 0), leaves, new Deal([[new LeafRange(0, leaves)]]), 0);
}
