using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Cluster.Work;

/// <summary>Notes when a step's first reduction begins: until then a rank works alone, after that it also waits for others.</summary>
internal sealed class TimedExchange(IGradientExchange inner, TimeProvider time, Action leavesDone) : IGradientExchange
{
    private readonly long _started = time.GetTimestamp();
    private long _reducing;

    /// <summary>Seconds of this rank's own work; 0 if nothing was reduced.</summary>
    public double Seconds => Interlocked.Read(ref _reducing) is var at && at == 0 ? 0 : time.GetElapsedTime(_started, at).TotalSeconds;

    public Task AllReduceAsync(
        StepId id,
        int bucket,
        CanonicalTree tree,
        IReadOnlyList<ImmutableArray<TreeNode>> nodes,
        IReadOnlyList<FloatBuffer> mine,
        FloatBuffer result,
        CancellationToken cancellation)
    {
        if (Interlocked.CompareExchange(ref _reducing, time.GetTimestamp(), 0) == 0)
        {
            leavesDone();
            FaultPoint.Reach(FaultPoint.Reducing);
        }

        return inner.AllReduceAsync(id, bucket, tree, nodes, mine, result, cancellation);
    }
}
