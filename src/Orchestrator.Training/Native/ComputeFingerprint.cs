using System.Globalization;
using System.IO.Hashing;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Native;

/// <summary>
/// Tells whether two processes compute the same bits from the same numbers. It names what is known to matter and ends in a checksum of a few
/// results, which also sees what is not named: instruction sets held back by the environment, another library, another cache size.
/// </summary>
internal static class ComputeFingerprint
{
    /// <summary>On the processor, with the calling thread's number of threads.</summary>
    public static string Of(TorchReport report)
    {
        var math = report.FastMath.Split(':', ' ')[0];
        var threads = get_num_threads();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"libtorch {report.Version}, {Processor.Describe()}, fast math {math}, threads {threads}, bits {Bits():x16}");
    }

    private static ulong Bits()
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var a = tensor(MatrixCheck.Numbers(96 * 1024, 3)).view(96, 1024);
        var b = tensor(MatrixCheck.Numbers(1024 * 80, 4)).view(1024, 80);
        Tensor[] results =
        [
            a.mm(b),
            a.t().contiguous().mm(a.narrow(1, 0, 64)),
            a.exp(),
            a.log_softmax(1),
            a.sum(),
            nn.functional.gelu(a),
            a.to(ScalarType.BFloat16).mm(b.to(ScalarType.BFloat16)).to(ScalarType.Float32),
        ];
        var hash = new XxHash3();
        foreach (var result in results)
        {
            hash.Append(result.bytes);
        }

        return hash.GetCurrentHashAsUInt64();
    }
}
