using Orchestrator.Training.Native;

namespace Orchestrator.Tests.Training.Native;

public sealed class FastMathTests
{
    [Theory]
    [InlineData(FastMath.Auto, "AuthenticAMD", true, false, false, true, "on (AVX-512 path of MKL on AuthenticAMD)")]
    [InlineData(FastMath.On, "AuthenticAMD", true, false, false, true, "on (AVX-512 path of MKL on AuthenticAMD)")]
    [InlineData(FastMath.Off, "AuthenticAMD", true, false, false, false, "off: as set")]
    [InlineData(FastMath.Auto, "GenuineIntel", true, false, false, false, "off: not needed")]
    [InlineData(FastMath.On, "GenuineIntel", false, true, true, false, "off: not needed")]
    [InlineData(FastMath.Auto, "AuthenticAMD", false, false, false, false, "off: this processor (AuthenticAMD) has no AVX-512")]
    [InlineData(FastMath.Auto, "AuthenticAMD", true, true, false, false, "off: this libtorch is built for CUDA")]
    [InlineData(FastMath.Auto, "AuthenticAMD", true, false, true, false, "off: libtorch was loaded before")]
    public void The_setting_and_the_machine_decide(FastMath setting, string vendor, bool avx512, bool cuda, bool loaded, bool raise, string why)
    {
        var decision = FastMathDecision.Of(setting, new FastMathFacts(vendor, avx512, cuda, loaded));
        Assert.Equal(raise, decision.Raise);
        Assert.StartsWith(why, decision.Why, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, false, false, "no AVX-512")]
    [InlineData(true, true, false, "built for CUDA")]
    [InlineData(true, false, true, "loaded before")]
    public void On_where_it_is_impossible_is_refused_with_the_reason(bool avx512, bool cuda, bool loaded, string reason)
    {
        var error = Assert.Throws<NotSupportedException>(() => FastMathDecision.Of(FastMath.On, new FastMathFacts("AuthenticAMD", avx512, cuda, loaded)));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains("ORCHESTRATOR_FAST_MATH", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, FastMath.Auto)]
    [InlineData("", FastMath.Auto)]
    [InlineData("AUTO", FastMath.Auto)]
    [InlineData("1", FastMath.On)]
    [InlineData("off", FastMath.Off)]
    [InlineData("0", FastMath.Off)]
    public void The_environment_presets_it(string? text, FastMath expected) => Assert.Equal(expected, TorchRuntime.ParseFastMath(text));

    [Fact]
    public void Anything_else_in_the_environment_is_an_error_that_names_the_variable()
    {
        var error = Assert.Throws<FormatException>(() => TorchRuntime.ParseFastMath("yes"));
        Assert.Equal("ORCHESTRATOR_FAST_MATH is \"yes\". Needed: auto, 1 (on) or 0 (off).", error.Message);
    }

    [Fact]
    public void Once_libtorch_is_loaded_it_cannot_change()
    {
        TorchRuntime.Load();
        var other = TorchRuntime.FastMath == FastMath.Off ? FastMath.On : FastMath.Off;
        Assert.Throws<InvalidOperationException>(() => TorchRuntime.FastMath = other);
    }

    [SkippableFact]
    public void On_a_processor_that_is_not_Intels_and_has_AVX512_it_is_on()
    {
        Skip.If(Processor.Vendor == "GenuineIntel", "the processor is Intel's: MKL needs no telling");
        Skip.IfNot(Processor.HasAvx512, $"the processor ({Processor.Vendor}) has no AVX-512");
        Skip.If(TorchRuntime.FastMath == FastMath.Off, "it is switched off in this environment");
        Assert.Equal($"on (AVX-512 path of MKL on {Processor.Vendor})", TorchRuntime.Load().FastMath);
    }

    // [1, 2] x [2, 2] with exact answers [1·3 + 2·5, 1·4 + 2·6] = [13, 16]; allowed: 2·2^-24·13 = 1.5e-6.
    [Fact]
    public void A_wrong_product_is_found_and_named()
    {
        MatrixCheck.Compare([13f, 16f], [1, 2], [3, 4, 5, 6], (1, 2, 2));
        var error = Assert.Throws<InvalidOperationException>(() => MatrixCheck.Compare([13f, 16.0001f], [1, 2], [3, 4, 5, 6], (1, 2, 2)));
        Assert.Contains("element [0, 1]", error.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => MatrixCheck.Compare([float.NaN, 16f], [1, 2], [3, 4, 5, 6], (1, 2, 2)));
    }

    [Fact]
    public void The_products_of_this_machine_are_right() => MatrixCheck.Require();

    [Fact]
    public void The_fingerprint_says_what_matters_and_is_the_same_when_asked_again()
    {
        var print = TorchRuntime.ComputeFingerprint();
        Assert.Equal(print, TorchRuntime.ComputeFingerprint());
        Assert.Matches(@"\Alibtorch 2\.\S+, .+, fast math (on|off), threads \d+, bits [0-9a-f]{16}\z", print);
    }
}
