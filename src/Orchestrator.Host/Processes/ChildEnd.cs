using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Orchestrator.Host.Processes;

/// <summary>Waits for a child, and ends it when asked: first by SIGTERM, then by SIGKILL.</summary>
internal static partial class ChildEnd
{
    private const int Terminate = 15;

    public static async Task WaitAsync(Process process, TimeSpan grace, TimeProvider time, CancellationToken end)
    {
        try
        {
            await process.WaitForExitAsync(end);
            return;
        }
        catch (OperationCanceledException)
        {
            _ = kill(process.Id, Terminate);
        }

        using var patience = new CancellationTokenSource(grace, time);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
        }
    }

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int kill(int process, int signal);
}
