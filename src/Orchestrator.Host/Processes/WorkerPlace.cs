namespace Orchestrator.Host.Processes;

/// <summary>A place for one worker process on this machine.</summary>
/// <param name="Number">From 0.</param>
/// <param name="Device">cpu, cuda:0 and so on.</param>
/// <param name="Threads">Threads of a CPU worker's operations; a GPU's host side gets them too.</param>
public sealed record WorkerPlace(int Number, string Device, int Threads)
{
    public string Name => $"worker-{Number}";

    /// <summary>One place a device; where the device is the CPU, as many as asked for, sharing its cores out.</summary>
    /// <param name="devices">As resolved: ["cpu"] or CUDA devices.</param>
    /// <param name="cpuWorkers">Places on the CPU; 0: none.</param>
    /// <param name="threads">null shares the cores out: at least one each.</param>
    public static IReadOnlyList<WorkerPlace> Of(IReadOnlyList<string> devices, int cpuWorkers, int? threads, int cores)
    {
        string[] each = devices is ["cpu"] ? [.. Enumerable.Repeat("cpu", cpuWorkers)] : cpuWorkers == 0 ? [] : [.. devices];
        return [.. each.Select((device, number) => new WorkerPlace(number, device, threads ?? Math.Max(1, cores / Math.Max(1, each.Length))))];
    }
}
