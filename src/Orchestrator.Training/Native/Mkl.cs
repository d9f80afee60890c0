using System.Globalization;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Native;

/// <summary>
/// The matrix library inside libtorch. It chooses its code by the processor's maker: its fastest code only where its function
/// mkl_serv_intel_cpu_true returns 1. The function is exported, so one of the same name that stands earlier in the loader's order is called in
/// its place.
/// </summary>
internal static class Mkl
{
    private const string Question = "mkl_serv_intel_cpu_true";
    private const string LibTorch = "libtorch_cpu.so";
    private const int Avx512Path = 7; // 5 is AVX2, 0 what runs everywhere: seen on MKL 2024.2 under MKL_ENABLE_INSTRUCTIONS

    /// <summary>Decides and, where so decided, tells MKL. Must run before libtorch is loaded.</summary>
    /// <param name="folder">Where libtorch lies.</param>
    /// <exception cref="NotSupportedException">Fast math is set to on and impossible here.</exception>
    public static FastMathDecision Prepare(FastMath setting, string folder)
    {
        var facts = new FastMathFacts(
            Processor.Vendor,
            Processor.HasAvx512,
            CudaBuild: File.Exists(Path.Combine(folder, "libtorch_cuda.so")),
            TorchIsLoaded: GlobalLibrary.IsLoaded(Path.Combine(folder, LibTorch)));
        var decision = FastMathDecision.Of(setting, facts);
        try
        {
            if (decision.Raise)
            {
                GlobalLibrary.Load(OneFunctionLibrary.Build(Question, 1, "liborchestrator-fast-math.so"), "orchestrator-fast-math");
            }

            return decision;
        }
        catch (IOException error)
        {
            return OffUnlessForced(setting, error.Message);
        }
    }

    /// <summary>Asks MKL which path it took, and checks that its products are right. Must run after libtorch is loaded.</summary>
    /// <exception cref="NotSupportedException">Fast math is set to on, and MKL is absent or took another path.</exception>
    /// <exception cref="InvalidOperationException">A product is wrong.</exception>
    public static FastMathDecision Confirm(FastMath setting, FastMathDecision prepared, string folder)
    {
        if (!prepared.Raise)
        {
            return prepared;
        }

        if (PathTaken(folder) is not { } path)
        {
            return OffUnlessForced(setting, "this libtorch has no MKL");
        }

        if (path < Avx512Path)
        {
            return OffUnlessForced(setting, $"MKL was told and still took path {path.ToString(CultureInfo.InvariantCulture)}; do MKL_ENABLE_INSTRUCTIONS or MKL_CBWR hold it back?");
        }

        MatrixCheck.Require();
        return prepared;
    }

    private static FastMathDecision OffUnlessForced(FastMath setting, string hindrance) =>
        setting == FastMath.On ? throw FastMathDecision.Impossible(hindrance) : new(false, $"off: {hindrance}");

    private static unsafe int? PathTaken(string folder)
    {
        var torch = NativeLibrary.Load(Path.Combine(folder, LibTorch));
        return NativeLibrary.TryGetExport(torch, Question, out _) && NativeLibrary.TryGetExport(torch, "mkl_serv_cpu_detect", out var detect)
            ? ((delegate* unmanaged<int>)detect)()
            : null;
    }
}
