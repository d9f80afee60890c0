using System.Runtime.InteropServices;

namespace Orchestrator.Training.Checkpoints;

/// <summary>Makes files and names survive a power cut. .NET syncs files; a directory's own entries need the system call.</summary>
internal static partial class Durable
{
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const uint Exchange = 2; // RENAME_EXCHANGE
    private const int ReadOnlyDirectory = 0x10000; // O_RDONLY | O_DIRECTORY on Linux

    /// <summary>Syncs all files of a folder, then the folder.</summary>
    public static void SyncFolder(string directory)
    {
        foreach (var path in Directory.EnumerateFiles(directory))
        {
            using var file = File.OpenHandle(path);
            RandomAccess.FlushToDisk(file);
        }

        SyncDirectory(directory);
    }

    /// <exception cref="IOException">The system could not sync it.</exception>
    public static void SyncDirectory(string directory)
    {
        var descriptor = open(directory, ReadOnlyDirectory);
        if (descriptor < 0)
        {
            throw new IOException($"{directory} cannot be opened to sync it: {Marshal.GetLastPInvokeErrorMessage()}.");
        }

        var failed = fsync(descriptor) != 0;
        var why = Marshal.GetLastPInvokeErrorMessage();
        _ = close(descriptor);
        if (failed)
        {
            throw new IOException($"{directory} cannot be synced: {why}.");
        }
    }

    /// <summary>Swaps two directories in one step; false where the system or the file system cannot, and then nothing has changed.</summary>
    public static bool TryExchange(string one, string other)
    {
        try
        {
            return renameat2(CurrentDirectory, one, CurrentDirectory, other, Exchange) == 0;
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int renameat2(int oldFolder, string oldPath, int newFolder, string newPath, uint flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int fsync(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int close(int descriptor);
}
