using System.Globalization;
using System.Runtime.InteropServices;

namespace Orchestrator.Host.Processes;

/// <summary>
/// Ties a child to its parent: the kernel kills it when the parent's launching thread ends, however that came about, be the child stopped or
/// stuck in native code. It leaves the terminal's process group too: Ctrl-C is for the parent, which needs its workers to end a run well.
/// </summary>
internal static partial class ParentWatch
{
    /// <summary>Process id of the parent, in the child's environment.</summary>
    public const string Variable = "ORCHESTRATOR_PARENT";

    private const int SetParentDeathSignal = 1; // PR_SET_PDEATHSIG
    private const int Kill = 9; // SIGKILL

    /// <summary>Called first thing by every process; does nothing in one that no launcher started.</summary>
    /// <returns>False: the parent is gone already.</returns>
    public static bool Obey()
    {
        if (!int.TryParse(Environment.GetEnvironmentVariable(Variable), CultureInfo.InvariantCulture, out var parent))
        {
            return true;
        }

        // What this process starts itself has another parent.
        Environment.SetEnvironmentVariable(Variable, null);
        _ = setpgid(0, 0);
        _ = prctl(SetParentDeathSignal, Kill, 0, 0, 0);
        return getppid() == parent;
    }

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int prctl(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int getppid();

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int setpgid(int process, int group);
}
