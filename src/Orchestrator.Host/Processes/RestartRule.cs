namespace Orchestrator.Host.Processes;

/// <summary>What is done about a worker process that has ended.</summary>
/// <param name="Again">null: its place stays empty.</param>
/// <param name="Failed">True where it should not have ended.</param>
/// <param name="Why">One sentence's end: "it was killed by signal 9; strike 2 of 3".</param>
public sealed record RestartDecision(TimeSpan? Again, bool Failed, string Why);

/// <summary>
/// Starts a worker again with growing pauses, and not for ever: a machine that kills every worker is no use to the run. A worker that lived
/// long has its strikes forgiven.
/// </summary>
/// <param name="MaxRestarts">Strikes in a row that are forgiven.</param>
public sealed record RestartRule(int MaxRestarts)
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    /// <summary>A life so long wipes the strikes out.</summary>
    public TimeSpan Forgiven { get; init; } = TimeSpan.FromMinutes(10);

    /// <param name="strikes">Failures in a row, this one not counted.</param>
    /// <param name="lived">How long the process lived.</param>
    /// <param name="exitCode">Above 128: killed by the signal exitCode - 128.</param>
    public (RestartDecision Decision, int Strikes) Decide(int exitCode, int strikes, TimeSpan lived)
    {
        if (exitCode is ExitCode.Done or ExitCode.Stopped)
        {
            return (new RestartDecision(null, false, "it has ended as it should"), 0);
        }

        var how = exitCode > 128 ? $"it was killed by signal {exitCode - 128}" : $"it ended with exit code {exitCode}";
        if (exitCode == ExitCode.Refused)
        {
            return (new RestartDecision(null, true, $"{how}: what it was told cannot work, and would not a second time"), strikes + 1);
        }

        var count = lived >= Forgiven ? 1 : strikes + 1;
        return count > MaxRestarts
            ? (new RestartDecision(null, true, $"{how}, {count} times in a row (cluster.max_restarts is {MaxRestarts})"), count)
            : (new RestartDecision(Pause(count), true, $"{how}; strike {count} of {MaxRestarts}"), count);
    }

    private static TimeSpan Pause(int strike)
    {
        var pause = First * Math.Pow(2, Math.Min(strike - 1, 20));
        return pause < Longest ? pause : Longest;
    }
}
