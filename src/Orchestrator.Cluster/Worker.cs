using Orchestrator.Core;

namespace Orchestrator.Cluster;

/// <summary>Works for a run from this process: one worker, one replica, one rank.</summary>
public static class Worker
{
    /// <summary>
    /// Joins the run and works until it has ended. If the run has given this worker up for lost (it was stopped, or cut off) it joins again as a
    /// new one, with the same replica. Cancelling <paramref name="stop"/> leaves at the end of the step in hand, within the grace.
    /// </summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="IOException">An address is taken or not this machine's.</exception>
    public static Task<WorkerOutcome> RunAsync(WorkerOptions options, IReplicaFactory factory, CancellationToken stop) =>
        throw new NotSupportedException("The worker is being built.");
}
