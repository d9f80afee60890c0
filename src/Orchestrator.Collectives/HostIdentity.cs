using System.IO.Hashing;
using System.Text;

namespace Orchestrator.Collectives;

/// <summary>
/// Names the set of processes that can open each other's memory under /proc: same boot of the same kernel, same process namespace
/// (two containers of one machine differ), same user.
/// </summary>
internal static class HostIdentity
{
    public static string Current { get; } = Read();

    private static string Read()
    {
        var parts = string.Join('\n',
            Environment.MachineName,
            Try(() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()),
            Try(() => new FileInfo("/proc/self/ns/pid").LinkTarget),
            Environment.UserName);
        return XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(parts)).ToString("x16");
    }

    private static string Try(Func<string?> read)
    {
        try
        {
            return read() ?? "";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
