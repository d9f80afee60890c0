namespace Orchestrator.Cluster;

/// <summary>Coordinates a run from this process: control plane, job files for workers, and, of several control nodes, one at a time the steps.</summary>
public static class Coordinator
{
    /// <summary>
    /// Runs until the run has ended, or this node has left it. Cancelling <paramref name="stop"/> finishes the step in hand, writes a
    /// checkpoint and says goodbye; with other control nodes alive it hands over to one of them instead.
    /// </summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="IOException">An address is taken or not this machine's, or a file of the job cannot be read.</exception>
    public static Task<RunOutcome> RunAsync(CoordinatorOptions options, IRunObserver observer, CancellationToken stop) =>
        throw new NotSupportedException("The coordinator is being built.");

    /// <summary>Asks a live run how it stands.</summary>
    /// <param name="address">host:port of one of its control nodes.</param>
    /// <exception cref="TimeoutException">Nobody answered; the message says what to check.</exception>
    /// <exception cref="UnauthorizedAccessException">The token is not the run's.</exception>
    public static Task<RunStatus> StatusAsync(string address, string token, TimeSpan timeout, CancellationToken cancellation) =>
        throw new NotSupportedException("The status query is being built.");
}
