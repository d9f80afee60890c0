using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Native;

/// <summary>The build makes TorchSharp's methods hold their arguments: see Native/HoldTorchArguments.cs.</summary>
public sealed class TorchArgumentTests
{
    [Fact]
    public void TorchSharp_is_compiled_without_optimization_and_otherwise_unchanged()
    {
        var assembly = typeof(torch).Assembly;
        Assert.True(assembly.GetCustomAttribute<DebuggableAttribute>()!.IsJITOptimizerDisabled);
        var conventions = assembly.GetTypes().Select(type => type.GetCustomAttribute<UnmanagedFunctionPointerAttribute>()).OfType<UnmanagedFunctionPointerAttribute>().ToList();
        Assert.NotEmpty(conventions);
        Assert.All(conventions, convention => Assert.Equal(CallingConvention.Cdecl, convention.CallingConvention));
    }

    // Unrepaired, this ends in an exception or a wrong sum within some thousand rounds.
    [Fact]
    public void Sums_and_products_are_right_while_garbage_is_collected()
    {
        var done = false;
        var collector = new Thread(() =>
        {
            while (!Volatile.Read(ref done))
            {
                GC.Collect(0, GCCollectionMode.Forced, blocking: true);
                GC.WaitForPendingFinalizers();
            }
        });
        collector.Start();
        try
        {
            using var guard = no_grad();
            using var ones = torch.ones(20000);
            for (var round = 0; round < 20000; round++)
            {
                using var scope = NewDisposeScope();
                var sum = ones + ones;
                var product = sum * 3.5;
                Assert.Equal(7f, product[19999].item<float>());
            }
        }
        finally
        {
            Volatile.Write(ref done, true);
            collector.Join();
        }
    }
}
