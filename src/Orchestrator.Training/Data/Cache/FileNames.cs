using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Orchestrator.Training.Data.Cache;

/// <summary>Files that appear under their names whole or not at all.</summary>
internal static partial class FileNames
{
    /// <summary>Gives a file a second name, in place of what bears it: a hard link, or a copy where the file system has none.</summary>
    public static void Give(string file, string name)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(name)!);
        var beside = Beside(name);
        try
        {
            if (!TryLink(file, beside))
            {
                File.Copy(file, beside);
            }

            File.Move(beside, name, overwrite: true);
        }
        finally
        {
            // Renaming one name of a file to another name of the same file does nothing and leaves both (POSIX).
            File.Delete(beside);
        }
    }

    public static void Write(string name, string text)
    {
        var beside = Beside(name);
        try
        {
            File.WriteAllText(beside, text);
            File.Move(beside, name, overwrite: true);
        }
        finally
        {
            File.Delete(beside);
        }
    }

    public static string Sha256(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.SequentialScan);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private static string Beside(string name) => $"{name}.{Guid.NewGuid():N}.tmp";

    private static bool TryLink(string file, string name)
    {
        try
        {
            return !OperatingSystem.IsWindows() && link(file, name) == 0;
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int link(string file, string name);
}
