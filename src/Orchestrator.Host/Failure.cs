using Orchestrator.Host.RunFile;

namespace Orchestrator.Host;

/// <summary>Turns an exception that ends a command into one message and an exit code. A stack trace is shown only with ORCHESTRATOR_DEBUG=1.</summary>
public static class Failure
{
    public const string DebugVariable = "ORCHESTRATOR_DEBUG";

    public static int Show(Exception error, TextWriter to)
    {
        if (error is OperationCanceledException)
        {
            to.WriteLine("Stopped.");
            return ExitCode.Stopped;
        }

        var expected = IsRefusal(error) || error is IOException or DllNotFoundException or PlatformNotSupportedException or TimeoutException or UnauthorizedAccessException;
        to.WriteLine(expected ? error.Message : $"Unexpected: {error.Message} ({error.GetType().Name}; set {DebugVariable}=1 to see where)");
        if (Environment.GetEnvironmentVariable(DebugVariable) == "1")
        {
            to.WriteLine(error);
        }

        return IsRefusal(error) ? ExitCode.Refused : ExitCode.Failed;
    }

    private static bool IsRefusal(Exception error) => error is RunFileException or InvalidDataException or ArgumentException
        or FileNotFoundException or DirectoryNotFoundException or FormatException or NotSupportedException;
}
