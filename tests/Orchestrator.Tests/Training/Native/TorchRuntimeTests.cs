using Orchestrator.Training.Native;

namespace Orchestrator.Tests.Training.Native;

public sealed class TorchRuntimeTests
{
    [Fact]
    public void Loading_says_which_library_serves_and_loading_again_is_the_same()
    {
        var report = TorchRuntime.Load();
        Assert.True(File.Exists(report.Library));
        Assert.InRange(report.Threads, 1, 4096);
        Assert.Same(report, TorchRuntime.Load());
    }

    [Theory]
    [InlineData("/lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found", "RepairTorchShim")]
    [InlineData("/lib/libc.so.6: version `GLIBC_2.34' not found", "glibc 2.34")]
    [InlineData("libgomp.so.1: cannot open shared object file", "install the package")]
    public void An_error_of_the_loader_is_told_with_what_mends_it(string said, string remedy)
    {
        var message = TorchRuntime.Explain("/app/libLibTorchSharp.so", said);
        Assert.Contains(said, message, StringComparison.Ordinal);
        Assert.Contains("/app/libLibTorchSharp.so", message, StringComparison.Ordinal);
        Assert.Contains(remedy, message, StringComparison.Ordinal);
    }
}
