namespace Orchestrator.Host;

/// <summary>What the command's exit code says to the shell.</summary>
public static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>It was tried and failed: a run ended without its result, or doctor found something that would stop one.</summary>
    public const int Failed = 1;

    /// <summary>Nothing was tried: the command line, the run file or a file it names cannot be used.</summary>
    public const int Refused = 2;

    /// <summary>Stopped on request (SIGINT, SIGTERM) before the end; a run goes on with train --resume.</summary>
    public const int Stopped = 3;

    /// <summary>For people: one line each, shown by --help.</summary>
    public const string Help = "Exit codes: 0 done; 1 failed; 2 refused (command line, run file or input); 3 stopped on request, resumable.";
}
