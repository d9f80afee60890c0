using System.Text;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Native;

public sealed class TorchShimTests
{
    [Fact]
    public void A_tensor_can_be_made_and_used_on_this_machine()
    {
        using var product = ones(2, 3).mm(full(3, 1, 2.0f));
        Assert.Equal([6f, 6f], product.data<float>().ToArray());
    }

    [Fact]
    public void The_native_library_beside_the_program_no_longer_asks_for_the_newest_standard_library()
    {
        var bytes = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so"));
        Assert.False(bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes("_ZSt21ios_base_library_initv\0")) >= 0);
        Assert.True(bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes("_ZNSt8ios_base4InitC1Ev\0")) >= 0);
    }
}
