namespace Orchestrator.Core;

/// <summary>
/// For tests that kill, stop and terminate real processes in a certain phase of a step. A test names a folder in the environment and arms a point by a
/// file of its name; the first process that reaches the point takes the file, puts its id into its name ("backward.1234"), and waits there until
/// "backward.go" exists. Without the variable it does nothing.
/// </summary>
public static class FaultPoint
{
    public const string Variable = "ORCHESTRATOR_TEST_FAULT_POINTS";

    public const string Idle = "idle";
    public const string Dealt = "dealt";
    public const string Forward = "forward";
    public const string Backward = "backward";
    public const string Reducing = "reducing";
    public const string Staged = "staged";
    public const string Committing = "committing";
    public const string Evaluating = "evaluating";
    public const string Checkpointing = "checkpointing";
    public const string Offering = "offering";
    public const string Transferring = "transferring";
    public const string Leaving = "leaving";

    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(2);
    private static readonly string? Folder = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder ? folder : null;

    /// <summary>This process is at this point.</summary>
    public static void Reach(string point)
    {
        if (Folder is not null)
        {
            Wait(Path.Combine(Folder, point));
        }
    }

    private static void Wait(string armed)
    {
        if (!File.Exists(armed))
        {
            return;
        }

        try
        {
            File.Move(armed, $"{armed}.{Environment.ProcessId}");
        }
        catch (IOException)
        {
            return;   // another process was first
        }

        SpinWait.SpinUntil(() => File.Exists(armed + ".go"), Longest);
    }
}
