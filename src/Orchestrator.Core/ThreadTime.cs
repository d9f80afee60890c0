using System.Runtime.InteropServices;

namespace Orchestrator.Core;

/// <summary>Processor time of the calling thread.</summary>
internal static partial class ThreadTime
{
    private const int ThreadProcessorClock = 3; // CLOCK_THREAD_CPUTIME_ID of Linux

    /// <summary>Microseconds since the thread began; 0 where the system does not say.</summary>
    public static double Microseconds() => OperatingSystem.IsLinux() && clock_gettime(ThreadProcessorClock, out var time) == 0 ? time.Seconds * 1e6 + time.Nanoseconds / 1e3 : 0;

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int clock_gettime(int clock, out TimeSpecification time);

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpecification
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
