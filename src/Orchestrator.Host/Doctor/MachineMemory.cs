namespace Orchestrator.Host.Doctor;

/// <summary>What this machine, or the container this process is in, has of memory.</summary>
public static class MachineMemory
{
    /// <summary>Bytes free for new processes.</summary>
    public static long Available => Math.Min(OfMachine() ?? long.MaxValue, Total);

    /// <summary>Bytes in all, or the container's limit.</summary>
    public static long Total => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    private static long? OfMachine()
    {
        const string File = "/proc/meminfo";
        var line = System.IO.File.Exists(File) ? System.IO.File.ReadLines(File).FirstOrDefault(line => line.StartsWith("MemAvailable:", StringComparison.Ordinal)) : null;
        return line?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, var kib, ..] && long.TryParse(kib, out var value) ? value * 1024 : null;
    }
}
