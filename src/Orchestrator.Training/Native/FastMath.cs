namespace Orchestrator.Training.Native;

/// <summary>Whether MKL's AVX-512 code is used on processors that MKL would not choose it for; cluster.fast_math of the run file.</summary>
public enum FastMath
{
    /// <summary>Where it helps and is possible.</summary>
    Auto,

    /// <summary>Always; loading fails where it is impossible.</summary>
    On,

    /// <summary>Never: what MKL chooses by itself.</summary>
    Off,
}

/// <summary>What decides whether MKL must be told to take its AVX-512 path.</summary>
/// <param name="Vendor">As the processor names itself: GenuineIntel, AuthenticAMD.</param>
/// <param name="Avx512">The processor and the operating system have AVX-512 F, BW, CD, DQ and VL.</param>
/// <param name="CudaBuild">libtorch is built for CUDA: what it computes on the processor does not count.</param>
/// <param name="TorchIsLoaded">libtorch is in the process already: MKL has bound its own answer.</param>
internal sealed record FastMathFacts(string Vendor, bool Avx512, bool CudaBuild, bool TorchIsLoaded);

/// <param name="Raise">MKL must be told.</param>
/// <param name="Why">For people: "on ..." or "off: ...".</param>
internal sealed record FastMathDecision(bool Raise, string Why)
{
    /// <exception cref="NotSupportedException">The setting is On, and this machine or process cannot.</exception>
    public static FastMathDecision Of(FastMath setting, FastMathFacts facts)
    {
        if (setting == FastMath.Off)
        {
            return new(false, "off: as set");
        }

        if (facts.Vendor == "GenuineIntel")
        {
            return new(false, "off: not needed, MKL takes its best path on GenuineIntel by itself");
        }

        return Hindrance(facts) switch
        {
            null => new(true, $"on (AVX-512 path of MKL on {facts.Vendor})"),
            var hindrance when setting == FastMath.On => throw Impossible(hindrance),
            var hindrance => new(false, $"off: {hindrance}"),
        };
    }

    public static NotSupportedException Impossible(string hindrance) =>
        new($"Fast math is set to on, and it cannot be used here: {hindrance}. Set {TorchRuntime.FastMathVariable} (or cluster.fast_math) to auto or off.");

    private static string? Hindrance(FastMathFacts facts) =>
        !facts.Avx512 ? $"this processor ({facts.Vendor}) has no AVX-512, or .NET is told not to use it"
        : facts.CudaBuild ? "this libtorch is built for CUDA"
        : facts.TorchIsLoaded ? "libtorch was loaded before TorchRuntime.Load was called"
        : null;
}
