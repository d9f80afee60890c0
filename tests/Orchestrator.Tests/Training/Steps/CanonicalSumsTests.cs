using System.Collections.Immutable;
using Orchestrator.Collectives;
using Orchestrator.Core;
using Orchestrator.Tests.Training.Models;
using Orchestrator.Training.Models;
using Orchestrator.Training.Optimizers;
using Orchestrator.Training.Steps;

namespace Orchestrator.Tests.Training.Steps;

public sealed class CanonicalSumsTests : IDisposable
{
    private readonly CausalLM _model = TinyModel.Create("llama");
    private readonly NativeBuffers _memory = new();
    private readonly GradientSlots _slots;
    private readonly List<int> _trained = [];
    private int? _broken;

    public CanonicalSumsTests() => _slots = new GradientSlots(_model, FlatLayout.Of(_model), _memory);

    public void Dispose()
    {
        _slots.Dispose();
        _model.Dispose();
        _memory.Dispose();
    }

    // Of three ranks the last one dies: rank 1 had leaves 3 to 5 and now gets 4 to 7. The sum of 4 and 5 is there already.
    [Fact]
    public void Another_attempt_computes_only_leaves_that_are_new_to_the_rank()
    {
        var sums = new CanonicalSums(_slots);
        Compute(sums, Work(0, new LeafRange(3, 3)));
        Assert.Equal([3, 4, 5], _trained);
        var slots = Compute(sums, Work(1, new LeafRange(4, 4)));
        Assert.Equal([3, 4, 5, 6, 7], _trained);
        Assert.Equal(4 + 5 + 6 + 7, Value(Assert.Single(slots)));
        Assert.Equal([4, 5, 6, 7], sums.MetricsOf(Work(1, new LeafRange(4, 4))).Select(leaf => leaf.Leaf));
    }

    [Fact]
    public void A_leaf_that_was_not_finite_is_computed_again_and_its_neighbours_elsewhere_are_not()
    {
        var sums = new CanonicalSums(_slots);
        _broken = 6;
        Compute(sums, Work(0, new LeafRange(3, 5)));
        Assert.Equal([6], sums.BadLeaves(Work(0, new LeafRange(3, 5))).ToArray());
        (_broken, var before) = (null, _trained.Count);
        var slots = Compute(sums, Work(1, new LeafRange(3, 5)));
        Assert.Equal([4, 5, 6, 7], _trained.Skip(before));
        Assert.Empty(sums.BadLeaves(Work(1, new LeafRange(3, 5))));
        Assert.Equal([3f, 4 + 5 + 6 + 7], slots.Select(Value));
    }

    [Fact]
    public void Another_step_begins_from_nothing()
    {
        var sums = new CanonicalSums(_slots);
        Compute(sums, Work(0, new LeafRange(0, 8)));
        Compute(sums, Work(0, new LeafRange(0, 8)) with { Id = new StepId(1, 1, 1, 0) });
        Assert.Equal(16, _trained.Count);
    }

    // One buffer for each level that is open, and no more: 8 leaves need 4.
    [Fact]
    public void Memory_grows_with_the_height_of_the_tree()
    {
        var allocated = new CountingBuffers(_memory);
        using var slots = new GradientSlots(_model, FlatLayout.Of(_model), allocated);
        new CanonicalSums(slots).Compute(Work(0, new LeafRange(0, 8)), Train, new Receiver(slots), CancellationToken.None);
        Assert.Equal(4, allocated.Count);
    }

    [Fact]
    public void A_leaf_that_throws_leaves_what_was_done_before_it()
    {
        var sums = new CanonicalSums(_slots);
        Assert.Throws<TimeoutException>(() => sums.Compute(Work(0, new LeafRange(0, 4)), leaf => leaf == 3 ? throw new TimeoutException() : Train(leaf), new Receiver(_slots), CancellationToken.None));
        var slots = Compute(sums, Work(1, new LeafRange(0, 4)));
        Assert.Equal([0, 1, 2, 3], _trained);
        Assert.Equal(6, Value(Assert.Single(slots)));
    }

    private ImmutableArray<GradientSlot> Compute(CanonicalSums sums, StepWork work)
    {
        var receiver = new Receiver(_slots);
        sums.Compute(work, Train, receiver, CancellationToken.None);
        return receiver.Sums;
    }

    private ImmutableArray<MetricSum> Train(int leaf)
    {
        _trained.Add(leaf);
        using var gradient = _model.Parameters.First().Parameter.grad!;
        gradient.add_(leaf == _broken ? float.PositiveInfinity : leaf);
        return [new MetricSum("loss", leaf, 1)];
    }

    private static float Value(GradientSlot slot) => slot.Host!.Value.Span[0];

    private static StepWork Work(int attempt, LeafRange mine) => new(new StepId(1, 1, 0, attempt), 8, new Deal([[mine]]), 0);

    private sealed class Receiver(GradientSlots slots) : ISumsReceiver
    {
        private Action<long, long>? _settle;

        public ImmutableArray<GradientSlot> Sums { get; private set; } = [];

        public void Begin(ImmutableArray<GradientSlot> sums, Action<long, long>? settle) => (Sums, _settle) = (sums, settle);

        public void End() => _settle?.Invoke(0, slots.Length);
    }

    private sealed class CountingBuffers(IBufferProvider inner) : IBufferProvider
    {
        public int Count { get; private set; }

        public FloatBuffer Allocate(string name, long floats)
        {
            Count++;
            return inner.Allocate(name, floats);
        }

        public void Release(FloatBuffer buffer) => inner.Release(buffer);
    }
}
