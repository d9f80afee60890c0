using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Native;

/// <summary>What libtorch says of itself on this machine.</summary>
/// <param name="Library">The file through which TorchSharp reaches it.</param>
/// <param name="CudaDevices">CUDA devices it can compute on; 0 without a driver, a card or a CUDA build.</param>
/// <param name="Threads">Threads one operation uses unless told otherwise.</param>
public sealed record TorchReport(string Library, string Version, int CudaDevices, int Threads);

/// <summary>
/// The way into libtorch: loads it with a clear error where it cannot be loaded, and sets what holds for the whole process. Everything else
/// may assume that <see cref="Load"/> has been called; a call after the first costs nothing.
/// </summary>
public static class TorchRuntime
{
    private const string Shim = "libLibTorchSharp.so";
    private static readonly Lazy<TorchReport> Loaded = new(LoadOnce);

    /// <exception cref="DllNotFoundException">The native library is absent or this system cannot load it; says why and what to do.</exception>
    /// <exception cref="PlatformNotSupportedException">Not Linux on x86-64.</exception>
    public static TorchReport Load() => Loaded.Value;

    /// <summary>Bounds the threads of operations called from this thread: libtorch keeps the number for each calling thread.</summary>
    public static void UseThreads(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Load();
        set_num_threads(threads);
    }

    private static TorchReport LoadOnce()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            throw new PlatformNotSupportedException(
                $"This is {RuntimeInformation.OSDescription} on {RuntimeInformation.ProcessArchitecture}, and the native library is built for Linux on x86-64.");
        }

        NativeHeap.KeepPages();
        var library = Find();
        var cuda = LoadNative(library);
        return new TorchReport(library, __version__, cuda, get_num_threads());
    }

    // The loader's own words name what is missing; TorchSharp's later error would blame an absent package instead.
    private static int LoadNative(string library)
    {
        try
        {
            NativeLibrary.Load(library);
            return cuda.is_available() ? cuda.device_count() : 0;
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException or TypeInitializationException or NotSupportedException)
        {
            throw new DllNotFoundException(Explain(library, error.InnerException?.Message ?? error.Message), error);
        }
    }

    /// <summary>What the loader said, and what mends it.</summary>
    internal static string Explain(string library, string said)
    {
        var remedy = said.Contains("GLIBCXX", StringComparison.Ordinal)
            ? "The build repairs this file for older systems; this copy was not repaired. Build again, without -p:RepairTorchShim=false."
            : said.Contains("GLIBC_", StringComparison.Ordinal)
                ? "A system with glibc 2.34 or newer is needed (Debian 12, Ubuntu 22.04 or later)."
                : "Delete bin and obj and build again; where the message names another file, install the package that has it.";
        return $"libtorch cannot be loaded: {library}: {said.Trim()}. {remedy}";
    }

    private static string Find()
    {
        string[] places = [AppContext.BaseDirectory, Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native")];
        return places.Select(place => Path.Combine(place, Shim)).FirstOrDefault(File.Exists)
            ?? throw new DllNotFoundException(
                $"{Shim} lies neither in {string.Join(" nor in ", places)}. Build the program for linux-x64 (dotnet build -c Release) and start it from its output folder.");
    }
}
