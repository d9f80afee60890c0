using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Orchestrator.Training.Native;

/// <summary>Loads a shared object so that libraries loaded later find its functions before their own.</summary>
internal static partial class GlobalLibrary
{
    private const int Now = 2;
    private const int NoLoad = 4;
    private const int Global = 0x100;
    private const int NoDelete = 0x1000;
    private const uint CloseOnExec = 1;

    /// <summary>Loads a file that lies in memory only, for as long as the process lives.</summary>
    /// <returns>The handle to ask for its functions.</returns>
    /// <exception cref="IOException">The system has no memory files, or does not let one be executed; says what it said.</exception>
    public static nint Load(ReadOnlySpan<byte> image, string name)
    {
        try
        {
            var file = new SafeFileHandle(memfd_create(name, CloseOnExec), ownsHandle: true);
            if (file.IsInvalid)
            {
                throw new IOException($"memfd_create: {Marshal.GetLastPInvokeErrorMessage()}");
            }

            RandomAccess.Write(file, image, 0);
            return Open(file);
        }
        catch (EntryPointNotFoundException error)
        {
            throw new IOException(error.Message, error);
        }
    }

    /// <summary>Whether a library is in the process already; does not load it.</summary>
    public static bool IsLoaded(string path) => dlopen(path, Now | NoLoad) != 0;

    private static nint Open(SafeFileHandle file)
    {
        var handle = dlopen($"/proc/self/fd/{file.DangerousGetHandle()}", Now | Global | NoDelete);
        if (handle == 0)
        {
            file.Dispose();
            throw new IOException($"dlopen: {Marshal.PtrToStringUTF8(dlerror())}");
        }

        // The loader knows a library by the path it was opened with: the number must never come to mean another file, so it stays open.
        file.SetHandleAsInvalid();
        return handle;
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint dlopen(string path, int flags);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint dlerror();
}
