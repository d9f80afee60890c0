using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Orchestrator.Training.Native;

/// <summary>What the processor says of itself, and which of its instructions the operating system lets a program use.</summary>
internal static class Processor
{
    /// <summary>GenuineIntel, AuthenticAMD and so on; empty where it is no x86.</summary>
    public static string Vendor
    {
        get
        {
            if (!X86Base.IsSupported)
            {
                return "";
            }

            var (_, b, c, d) = X86Base.CpuId(0, 0);
            return System.Text.Encoding.ASCII.GetString(MemoryMarshal.AsBytes<int>([b, d, c]));
        }
    }

    /// <summary>All parts of AVX-512 that MKL's path needs.</summary>
    public static bool HasAvx512 => Avx512F.VL.IsSupported && Avx512BW.VL.IsSupported && Avx512CD.VL.IsSupported && Avx512DQ.VL.IsSupported;

    /// <summary>Vendor, family and model in hexadecimal, and the instructions by which libraries choose their code.</summary>
    public static string Describe()
    {
        if (!X86Base.IsSupported)
        {
            return RuntimeInformation.ProcessArchitecture.ToString();
        }

        var version = (uint)X86Base.CpuId(1, 0).Eax;
        var family = ((version >> 8) & 15) + ((version >> 20) & 255);
        var model = ((version >> 4) & 15) | ((version >> 12) & 240);
        return string.Create(CultureInfo.InvariantCulture, $"{Vendor} {family:x}-{model:x} {Instructions()}");
    }

    // Leaf 7: bf16 is bit 5 of EAX in sub-leaf 1, AMX bf16 bit 22 of EDX and VNNI bit 11 of ECX in sub-leaf 0 (Intel SDM volume 2A, CPUID).
    private static string Instructions()
    {
        var (_, _, c, d) = X86Base.CpuId(7, 0);
        (bool Has, string Name)[] all =
        [
            (Avx2.IsSupported && Fma.IsSupported, "avx2"),
            (HasAvx512, "avx512"),
            (HasAvx512 && (c & (1 << 11)) != 0, "vnni"),
            (HasAvx512 && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0, "bf16"),
            ((d & (1 << 22)) != 0, "amx"),
        ];
        return string.Join('+', all.Where(one => one.Has).Select(one => one.Name));
    }
}
