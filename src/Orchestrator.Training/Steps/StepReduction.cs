using System.Collections.Immutable;
using System.Threading.Channels;
using Orchestrator.Core;

namespace Orchestrator.Training.Steps;

/// <summary>A piece of the flat gradient that is reduced by itself.</summary>
/// <param name="Number">Its place in the layout, which names its collective.</param>
/// <param name="Start">In floats.</param>
/// <param name="FinalAt">How far backward must have come until its gradients are final: see <see cref="Models.BackwardOrder"/>.</param>
internal readonly record struct Bucket(int Number, long Start, long Length, int FinalAt);

/// <summary>
/// The all-reduce of one attempt, which begins while the rank's last leaf is still in backward: each bucket is handed over as soon as its sums are
/// final. Buckets travel in the order in which backward finishes them, which is the same on all ranks, whether or not a rank has leaves.
/// </summary>
internal sealed class StepReduction : ISumsReceiver, IAsyncDisposable
{
    private readonly ImmutableArray<Bucket> _buckets;
    private readonly GradientSlots _slots;
    private readonly Func<Bucket, ImmutableArray<FloatBuffer>, CancellationToken, Task> _reduce;
    private readonly bool _early;
    private readonly Channel<Bucket> _ready = Channel.CreateUnbounded<Bucket>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private readonly CancellationTokenSource _stop;
    private readonly Task _underWay;
    private ImmutableArray<GradientSlot> _sums = [];
    private ImmutableArray<FloatBuffer> _mine = [];
    private Action<long, long>? _settle;
    private int _next;

    /// <param name="buckets">In the order of the wire.</param>
    /// <param name="early">Whether buckets are handed over during backward; else all of them after it.</param>
    /// <param name="reduce">One bucket's collective, over the host's copies of this rank's sums.</param>
    public StepReduction(
        ImmutableArray<Bucket> buckets, GradientSlots slots, bool early, Func<Bucket, ImmutableArray<FloatBuffer>, CancellationToken, Task> reduce, CancellationToken cancellation)
    {
        (_buckets, _slots, _early, _reduce) = (buckets, slots, early, reduce);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        _underWay = RunAsync();
    }

    /// <summary>What the leaf in training tells how far its backward has come; null where nobody wants to know.</summary>
    public Action<int>? Reached => _early && _settle is not null ? HandOver : null;

    /// <inheritdoc/>
    public void Begin(ImmutableArray<GradientSlot> sums, Action<long, long>? settle)
    {
        (_sums, _settle) = (sums, settle);
        _mine = [.. sums.Select(_slots.HostOf)];
    }

    /// <inheritdoc/>
    public void End()
    {
        HandOver(int.MinValue);
        _settle = null;
        _ready.Writer.Complete();
    }

    /// <summary>Ends when every bucket has been reduced, or none is under way any more.</summary>
    /// <exception cref="CollectiveException">A peer failed.</exception>
    public Task FinishAsync() => _underWay;

    /// <summary>Gives up what is under way; ends when nothing reads this rank's sums, or writes the result, any more.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_underWay.IsCompleted)
        {
            await _stop.CancelAsync();
            _ready.Writer.TryComplete();
        }

        await _underWay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private void HandOver(int reached)
    {
        for (; _next < _buckets.Length && _buckets[_next].FinalAt >= reached; _next++)
        {
            var bucket = _buckets[_next];
            _settle?.Invoke(bucket.Start, bucket.Length);
            foreach (var sum in _sums)
            {
                _slots.CopyToHost(sum, bucket.Start, bucket.Length);
            }

            _ready.Writer.TryWrite(bucket);
        }
    }

    private async Task RunAsync()
    {
        var underWay = new List<Task>();
        while (await _ready.Reader.WaitToReadAsync(CancellationToken.None))
        {
            while (_ready.Reader.TryRead(out var bucket))
            {
                underWay.Add(_reduce(bucket, _mine, _stop.Token));
            }
        }

        await Task.WhenAll(underWay);
    }
}
