namespace Orchestrator.Chaos.Processes;

/// <summary>What the kernel says of processes, by /proc.</summary>
internal static class ProcessTable
{
    public static int[] ChildrenOf(int parent) => [.. All().Where(id => ParentOf(id) == parent)];

    /// <summary>Every process that has not ended, by its parent: one look for all.</summary>
    public static ILookup<int?, int> ByParent() => All().ToLookup(ParentOf);

    /// <summary>Processes with this text in their command line that have not ended.</summary>
    public static int[] Mentioning(string text) => [.. All().Where(id => id != Environment.ProcessId && CommandLine(id).Contains(text, StringComparison.Ordinal) && ParentOf(id) is not null)];

    public static int OpenFiles(int id) => Try(() => Directory.EnumerateFileSystemEntries($"/proc/{id}/fd").Count(), 0);

    /// <summary>Resident bytes of its own: not those of libraries, which come whenever they are first used.</summary>
    public static long OwnMemory(int id) => Try(() => File.ReadAllText($"/proc/{id}/statm").Split(' ') is var pages ? (long.Parse(pages[1]) - long.Parse(pages[2])) * Environment.SystemPageSize : 0, 0);

    /// <summary>User and system time since its start, in seconds; the kernel counts in hundredths.</summary>
    public static double ProcessorSeconds(int id) => Try(() =>
    {
        var fields = File.ReadAllText($"/proc/{id}/stat").Split(')')[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return (long.Parse(fields[11]) + long.Parse(fields[12])) / 100.0;
    }, 0);

    private static IEnumerable<int> All() => Directory.EnumerateDirectories("/proc").Select(path => int.TryParse(Path.GetFileName(path), out var id) ? id : 0).Where(id => id > 0);

    private static string CommandLine(int id) => Try(() => File.ReadAllText($"/proc/{id}/cmdline"), "");

    // null: no such process, or one that has ended and is only waited for.
    private static int? ParentOf(int id) => Try(() =>
    {
        var fields = File.ReadAllText($"/proc/{id}/stat").Split(')')[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields[0] == "Z" ? (int?)null : int.Parse(fields[1]);
    }, null);

    private static T Try<T>(Func<T> read, T otherwise)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return otherwise;
        }
    }
}
