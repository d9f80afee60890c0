using Orchestrator.Training.Native;
using TorchSharp;

namespace Orchestrator.Tests.Training.Native;

public sealed class DeviceChoiceTests
{
    [Theory]
    [InlineData("auto", 0, "cpu")]
    [InlineData("auto", 2, "cuda:0 cuda:1")]
    [InlineData("cpu", 2, "cpu")]
    [InlineData("cuda", 3, "cuda:0 cuda:1 cuda:2")]
    [InlineData("cuda:1", 2, "cuda:1")]
    public void A_setting_means_these_devices(string text, int cudaDevices, string expected) =>
        Assert.Equal(expected, string.Join(' ', DeviceChoice.Parse(text).Resolve(cudaDevices)));

    [Theory]
    [InlineData("gpu")]
    [InlineData("CUDA")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:1 ")]
    [InlineData("")]
    public void What_is_no_device_is_refused_with_the_choices(string text)
    {
        var error = Assert.Throws<FormatException>(() => DeviceChoice.Parse(text));
        Assert.Contains($"\"{text}\"", error.Message, StringComparison.Ordinal);
        Assert.Contains("auto, cpu, cuda or cuda:N", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_card_that_the_machine_lacks_is_refused_with_those_it_has()
    {
        Assert.Contains("cuda:0 to cuda:1", Assert.Throws<NotSupportedException>(() => DeviceChoice.Parse("cuda:2").Resolve(2)).Message, StringComparison.Ordinal);
        Assert.Contains("sees no CUDA device", Assert.Throws<NotSupportedException>(() => DeviceChoice.Parse("cuda").Resolve(0)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_cpu_is_a_device_on_every_machine() => Assert.Equal(DeviceType.CPU, DeviceChoice.Parse("cpu").First().type);
}
