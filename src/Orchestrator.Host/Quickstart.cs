namespace Orchestrator.Host;

/// <summary>What `train` does without a run file.</summary>
public static class Quickstart
{
    /// <param name="overrides">key=value, as --set has them.</param>
    public static Task<int> RunAsync(IReadOnlyList<string> overrides, bool resume, CancellationToken stop) =>
        throw new NotSupportedException("Name a run file: orchestrator train RUN.yaml. Examples lie in cluster-config/runs.");
}
