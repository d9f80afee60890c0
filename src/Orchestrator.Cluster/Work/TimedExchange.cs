using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Cluster.Work;

/// <summary>Notes when a rank's own part of a step is done: until then it works alone, after that it also waits for others.</summary>
internal sealed class TimedExchange(IGradientExchange inner, TimeProvider time, Action leavesDone) : IGradientExchange
{
    private readonly long _started = time.GetTimestamp();
    private long _done;

    /// <summary>Seconds of this rank's own work; 0 if it did not end.</summary>
    public double Seconds => Interlocked.Read(ref _done) is var at && at == 0 ? 0 : time.GetElapsedTime(_started, at).TotalSeconds;

    public Task AllReduceAsync(
        StepId id,
        int bucket,
        CanonicalTree tree,
        IReadOnlyList<ImmutableArray<TreeNode>> nodes,
        IReadOnlyList<FloatBuffer> mine,
        FloatBuffer result,
        CancellationToken cancellation) =>
        inner.AllReduceAsync(id, bucket, tree, nodes, mine, result, cancellation);

    public void OwnPartDone()
    {
        if (Interlocked.CompareExchange(ref _done, time.GetTimestamp(), 0) == 0)
        {
            leavesDone();
            FaultPoint.Reach(FaultPoint.Reducing);
        }
    }
}
