using System.Runtime.InteropServices;

namespace Orchestrator.Tests.Training.Planning;

/// <summary>Bytes that the C library's heap has given out and not got back: mallinfo2(3), in blocks of its own and in mapped ones.</summary>
internal static partial class HeapInUse
{
    public static long Bytes()
    {
        var info = mallinfo2();
        return (long)(info.InUse + info.Mapped);
    }

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial MallInfo mallinfo2();

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct MallInfo
    {
        public readonly nuint Arena, FreeBlocks, FastBins, MappedBlocks, Mapped, Unused, FastFree, InUse, Free, Top;
    }
}
