using System.Runtime.InteropServices;

namespace Orchestrator.Training.Native;

/// <summary>How libgomp's threads wait for the next operation. It reads its environment when it is loaded, and never again.</summary>
internal static partial class OpenMpWaiting
{
    private const string Policy = "OMP_WAIT_POLICY";

    /// <summary>
    /// Waiting threads of this process sleep instead of spinning, unless the environment says otherwise: where other processes share the cores,
    /// a spinning thread takes the time of the one it waits for. Must run before libtorch is loaded.
    /// </summary>
    public static void Sleep()
    {
        // .NET keeps a copy of the environment: only setenv reaches native code.
        _ = setenv(Policy, "PASSIVE", overwrite: 0);
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int setenv(string name, string value, int overwrite);
}
