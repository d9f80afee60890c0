using System.Runtime.InteropServices;

namespace Orchestrator.Training.Native;

/// <summary>
/// Settings of the C library's heap, in which libtorch's CPU tensors lie. A training step allocates and frees the same large tensors over and
/// over; by default glibc gives such memory back at every free, and the next step pays for touching each page anew.
/// </summary>
internal static partial class NativeHeap
{
    // Numbers of mallopt(3). 32 MiB is the largest threshold glibc accepts.
    private const int TrimThreshold = -1;
    private const int MmapThreshold = -3;
    private const int ArenaMax = -8;
    private const int LargestMmapThreshold = 32 << 20;

    /// <summary>Blocks up to 32 MiB come from a heap that keeps 512 MiB of free memory. Must run before libtorch allocates.</summary>
    public static void KeepPages()
    {
        // Threads made by libtorch must not each grow a heap of their own: what one frees, another could not use.
        (int Option, int Value)[] settings = [(MmapThreshold, LargestMmapThreshold), (TrimThreshold, 512 << 20), (ArenaMax, 2)];
        foreach (var (option, value) in settings)
        {
            try
            {
                _ = mallopt(option, value);
            }
            catch (EntryPointNotFoundException)
            {
                return; // musl and others have no mallopt: their defaults stay.
            }
        }
    }

    /// <summary>Gives free memory back to the system, once: after something large that will not come again.</summary>
    public static void Trim()
    {
        try
        {
            _ = malloc_trim(0);
        }
        catch (EntryPointNotFoundException)
        {
        }
    }

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int malloc_trim(nuint pad);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int mallopt(int option, int value);
}
