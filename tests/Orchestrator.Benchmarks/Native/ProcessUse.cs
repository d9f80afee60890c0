using System.Diagnostics;
using System.Globalization;

namespace Orchestrator.Benchmarks.Native;

/// <summary>What this process has used since it began. Processor seconds mean something on a machine that others use too; wall seconds do not.</summary>
/// <param name="Faults">Pages touched for the first time.</param>
internal readonly record struct ProcessUse(double UserSeconds, double SystemSeconds, long Faults)
{
    public double Seconds => UserSeconds + SystemSeconds;

    public static ProcessUse Now()
    {
        var stat = File.ReadAllText("/proc/self/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        var process = Process.GetCurrentProcess();
        return new(process.UserProcessorTime.TotalSeconds, process.PrivilegedProcessorTime.TotalSeconds, long.Parse(fields[7], CultureInfo.InvariantCulture));
    }

    public static ProcessUse operator -(ProcessUse later, ProcessUse earlier) =>
        new(later.UserSeconds - earlier.UserSeconds, later.SystemSeconds - earlier.SystemSeconds, later.Faults - earlier.Faults);

    /// <param name="field">VmRSS: resident now; VmHWM: the most ever.</param>
    public static long Megabytes(string field)
    {
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(field, StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) / 1024;
    }
}
