using System.Globalization;
using System.Runtime.InteropServices;

namespace Orchestrator.Host.Doctor;

/// <summary>Is this machine enough? Each check is a pure function of what the system says of itself.</summary>
public static class MachineChecks
{
    private const double GiB = 1L << 30;

    /// <param name="cpuInfo">/proc/cpuinfo.</param>
    public static Finding Processor(string cpuInfo, int cores)
    {
        string Line(string name) => cpuInfo.Split('\n').FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[^1].Trim() ?? "";
        var flags = Line("flags").Split(' ').ToHashSet(StringComparer.Ordinal);
        string[] features = [.. new[] { "avx2", "avx512f", "avx512_bf16", "amx_bf16" }.Where(flags.Contains)];
        var found = $"{Line("model name")}, {cores} core(s) for this process, {(features.Length == 0 ? "no vector extension beyond SSE" : string.Join(" ", features))}";
        return flags.Contains("avx2")
            ? Finding.Good("processor", found)
            : Finding.Warning("processor", found, "Without AVX2 libtorch computes several times slower.");
    }

    /// <param name="available">Bytes free for new processes.</param>
    public static Finding Memory(long available, long total)
    {
        var found = $"{available / GiB:0.0} GiB free of {total / GiB:0.0} GiB";
        return available < 0.5 * GiB ? Finding.Stops("memory", found, "A worker needs half a GiB before it has loaded a model. Free memory or raise the container's limit.")
            : available < 2 * GiB ? Finding.Warning("memory", found, "Enough for small models only. Fewer workers (cluster.workers) and smaller leaves (data.pairs_per_leaf) need less.")
            : Finding.Good("memory", found);
    }

    /// <param name="failure">Why a memory file could not be made; null where it could.</param>
    public static Finding SharedMemory(string? failure) => failure is null
        ? Finding.Good("shared memory", "memory files can be made (they need no /dev/shm)")
        : Finding.Stops("shared memory", failure, "Gradients lie in memory files, whatever the transport. Let the container call memfd_create and fallocate, and give it memory.");

    public static Finding Disk(string folder, long free, bool writable) =>
        !writable ? Finding.Stops("disk", $"{folder} cannot be written", "Name a folder that can be written: --output DIR.")
        : free < 1 * GiB ? Finding.Warning("disk", $"{free / GiB:0.00} GiB free in {folder}", "A checkpoint needs about two to four times the model's size. Free some, or name another folder: --output DIR.")
        : Finding.Good("disk", $"{free / GiB:0.0} GiB free in {folder}");

    /// <param name="limits">/proc/self/limits.</param>
    public static Finding OpenFiles(string limits)
    {
        var line = limits.Split('\n').FirstOrDefault(line => line.StartsWith("Max open files", StringComparison.Ordinal));
        var soft = line?.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3] ?? "unlimited";
        return long.TryParse(soft, CultureInfo.InvariantCulture, out var count) && count < 1024
            ? Finding.Warning("open files", $"{soft} allowed", "Many workers need more: ulimit -n 4096.")
            : Finding.Good("open files", $"{soft} allowed");
    }

    public static Finding System() => OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64
        ? Finding.Good("system", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}")
        : Finding.Stops("system", $"{RuntimeInformation.OSDescription} on {RuntimeInformation.ProcessArchitecture}", "Linux on x86-64 is needed.");

    /// <summary>Variables that are known to slow a run or to break its connections.</summary>
    public static IEnumerable<Finding> Environment(Func<string, string?> variable)
    {
        if (variable("OPENBLAS_CORETYPE") is { Length: > 0 } core)
        {
            yield return Finding.Warning("environment", $"OPENBLAS_CORETYPE={core}", "It may force slow kernels on this processor: unset it.");
        }

        if (variable("OMP_NUM_THREADS") is { Length: > 0 } threads)
        {
            yield return Finding.Good("environment", $"OMP_NUM_THREADS={threads}; train sets it for each worker (cluster.threads_per_worker)");
        }

        if ((variable("http_proxy") ?? variable("HTTP_PROXY")) is { Length: > 0 } && (variable("no_proxy") ?? variable("NO_PROXY")) is not { Length: > 0 })
        {
            yield return Finding.Warning("environment", "http_proxy is set and no_proxy is not", "Other programs may send local connections to the proxy: set no_proxy=localhost,127.0.0.1.");
        }
    }
}
