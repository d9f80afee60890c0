using System.Net;
using System.Net.Sockets;
using Orchestrator.Collectives;
using Orchestrator.Training.Native;

namespace Orchestrator.Host.Doctor;

/// <summary>Looks at this machine, and asks <see cref="MachineChecks"/> what that means for a run.</summary>
public static class Examination
{
    /// <param name="folder">Where a run would write.</param>
    public static IEnumerable<Finding> Run(string folder)
    {
        yield return MachineChecks.System();
        foreach (var finding in NativeLibrary())
        {
            yield return finding;
        }

        yield return MachineChecks.Processor(ReadOrEmpty("/proc/cpuinfo"), Environment.ProcessorCount);
        yield return MachineChecks.Memory(MachineMemory.Available, MachineMemory.Total);
        yield return MachineChecks.SharedMemory(WhyNoMemoryFile());
        yield return MachineChecks.Disk(folder, new DriveInfo(folder).AvailableFreeSpace, IsWritable(folder));
        yield return MachineChecks.OpenFiles(ReadOrEmpty("/proc/self/limits"));
        yield return Ports();
        yield return MachineName();
        foreach (var finding in MachineChecks.Environment(Environment.GetEnvironmentVariable))
        {
            yield return finding;
        }
    }

    private static string? WhyNoMemoryFile()
    {
        try
        {
            using var memory = new SharedBuffers();
            memory.Allocate("doctor", 1 << 18);
            return null;
        }
        catch (IOException error)
        {
            return error.Message;
        }
    }

    private static IEnumerable<Finding> NativeLibrary()
    {
        TorchReport? report = null;
        Finding? failed = null;
        try
        {
            report = TorchRuntime.Load();
        }
        catch (Exception error) when (error is DllNotFoundException or PlatformNotSupportedException)
        {
            failed = Finding.Stops("native library", error.Message, "");
        }

        if (report is null)
        {
            yield return failed!;
            yield break;
        }

        yield return Finding.Good("native library", $"libtorch {report.Version}, {report.Library}");
        yield return Finding.Good("fast math", $"{report.FastMath}; cluster.fast_math or {TorchRuntime.FastMathVariable} switches it");
        yield return report.CudaDevices > 0
            ? Finding.Good("devices", $"{report.CudaDevices} CUDA device(s): one worker each")
            : Finding.Good("devices", $"cpu, {report.Threads} thread(s); no CUDA device{(File.Exists("/proc/driver/nvidia/version") ? ", though an NVIDIA driver is here: build with -p:TorchBackend=cuda" : "")}");
    }

    private static Finding Ports()
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            return Finding.Good("ports", "this process can listen on 127.0.0.1");
        }
        catch (SocketException error)
        {
            return Finding.Stops("ports", $"cannot listen on 127.0.0.1: {error.Message}", "Workers and coordinator talk over local sockets; allow them.");
        }
    }

    private static Finding MachineName()
    {
        var name = Dns.GetHostName();
        try
        {
            return Finding.Good("name", $"{name} is {string.Join(", ", Dns.GetHostAddresses(name).Select(address => address.ToString()))}");
        }
        catch (SocketException)
        {
            return Finding.Warning("name", $"{name} does not resolve", "With several machines name an address that others reach: cluster.advertised_host.");
        }
    }

    private static bool IsWritable(string folder)
    {
        try
        {
            using var probe = new FileStream(Path.Combine(folder, Path.GetRandomFileName()), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static string ReadOrEmpty(string path) => File.Exists(path) ? File.ReadAllText(path) : "";
}
