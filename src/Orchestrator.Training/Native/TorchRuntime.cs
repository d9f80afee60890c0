using System.Collections.Immutable;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Native;

/// <summary>What libtorch says of itself on this machine.</summary>
/// <param name="Library">The file through which TorchSharp reaches it.</param>
/// <param name="CudaDevices">CUDA devices it can compute on; 0 without a driver, a card or a CUDA build.</param>
/// <param name="Threads">Threads one operation uses unless told otherwise.</param>
/// <param name="FastMath">Whether MKL was told to take its AVX-512 path, and why: "on ..." or "off: ...".</param>
public sealed record TorchReport(string Library, string Version, int CudaDevices, int Threads, string FastMath);

/// <summary>
/// The way into libtorch: loads it with a clear error where it cannot be loaded, and sets what holds for the whole process. Everything else
/// may assume that <see cref="Load"/> has been called; a call after the first costs nothing.
/// </summary>
public static class TorchRuntime
{
    /// <summary>The environment variable that presets <see cref="FastMath"/>: 0 or off, 1 or on, auto.</summary>
    public const string FastMathVariable = "ORCHESTRATOR_FAST_MATH";

    private const string Shim = "libLibTorchSharp.so";
    private static readonly Lazy<TorchReport> Loaded = new(LoadOnce);
    private static FastMath? _fastMath;

    /// <summary>
    /// Whether fp32 products take MKL's AVX-512 path on processors that are not Intel's. It changes the last bits of results: all workers of a
    /// run must have the same. Unless set here, as <see cref="FastMathVariable"/> says; else automatic. To be set before <see cref="Load"/>.
    /// </summary>
    /// <exception cref="FormatException">The variable says something else.</exception>
    /// <exception cref="InvalidOperationException">Set to something new after libtorch was loaded.</exception>
    public static FastMath FastMath
    {
        get => _fastMath ?? ParseFastMath(Environment.GetEnvironmentVariable(FastMathVariable));
        set
        {
            if (Loaded.IsValueCreated && value != FastMath)
            {
                throw new InvalidOperationException($"Fast math is {FastMath}, and cannot become {value} once libtorch is loaded. Set it first.");
            }

            _fastMath = value;
        }
    }

    /// <exception cref="DllNotFoundException">The native library is absent or this system cannot load it; says why and what to do.</exception>
    /// <exception cref="PlatformNotSupportedException">Not Linux on x86-64.</exception>
    public static TorchReport Load() => Loaded.Value;

    /// <summary>Bounds the threads of operations called from this thread: libtorch keeps the number for each calling thread.</summary>
    public static void UseThreads(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Load();
        _ = get_num_threads(); // A thread's first operation, or this question, sets it to the number that any thread asked for last: that must come first.
        set_num_threads(threads);
    }

    /// <summary>
    /// Equal in two processes where both compute the same bits on the processor: libtorch, processor, fast math, the calling thread's number of
    /// threads, and a checksum of some results. Call it on the device thread, after <see cref="UseThreads"/>; takes a few milliseconds.
    /// </summary>
    public static string ComputeFingerprint() => Native.ComputeFingerprint.Of(Load());

    /// <summary>Variables a launcher adds to the environment of a worker process; some count only before a process starts. Loads nothing.</summary>
    /// <param name="threads">cluster.threads_per_worker: 1 or more.</param>
    public static ImmutableDictionary<string, string> WorkerEnvironment(int threads) => WorkerVariables.Of(threads, FastMath);

    /// <summary>Reads 0, off, 1, on, auto; null and empty are auto.</summary>
    /// <exception cref="FormatException">Anything else.</exception>
    internal static FastMath ParseFastMath(string? text) => text?.Trim().ToLowerInvariant() switch
    {
        null or "" or "auto" => FastMath.Auto,
        "1" or "on" => FastMath.On,
        "0" or "off" => FastMath.Off,
        _ => throw new FormatException($"{FastMathVariable} is \"{text}\". Needed: auto, 1 (on) or 0 (off)."),
    };

    private static TorchReport LoadOnce()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            throw new PlatformNotSupportedException(
                $"This is {RuntimeInformation.OSDescription} on {RuntimeInformation.ProcessArchitecture}, and the native library is built for Linux on x86-64.");
        }

        NativeHeap.KeepPages();
        OpenMpWaiting.Sleep();
        var library = Find();
        var folder = Path.GetDirectoryName(library)!;
        var prepared = Mkl.Prepare(FastMath, folder);
        var cuda = LoadNative(library);
        var fastMath = Mkl.Confirm(FastMath, prepared, folder);
        return new TorchReport(library, __version__, cuda, get_num_threads(), fastMath.Why);
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
