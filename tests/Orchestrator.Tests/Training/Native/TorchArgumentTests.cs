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

    // Unrepaired, this ends in an exception or a wrong product within a second, or ends the process.
    [Fact]
    public async Task Products_are_right_while_garbage_is_collected()
    {
        using var done = new CancellationTokenSource();
        var collector = Task.Factory.StartNew(() => Collect(done.Token), TaskCreationOptions.LongRunning);
        try
        {
            await Task.WhenAll(Enumerable.Range(2, 2).Select(factor => Task.Factory.StartNew(() => Multiply(factor + 0.5), TaskCreationOptions.LongRunning)));
        }
        finally
        {
            await done.CancelAsync();
            await collector;
        }
    }

    private static void Multiply(double factor)
    {
        using var guard = no_grad();
        using var ones = torch.ones(4);
        for (var round = 0; round < 150000; round++)
        {
            using var product = ones * factor;
            if (round % 16 == 0)
            {
                Assert.Equal((float)factor, product.bytes.Length == 16 ? MemoryMarshal.Cast<byte, float>(product.bytes)[3] : 0);
            }
        }
    }

    private static void Collect(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            for (var i = 0; i < 2000; i++)
            {
                _ = new byte[200];
            }

            GC.Collect(0, GCCollectionMode.Forced, blocking: true);
            GC.WaitForPendingFinalizers();
        }
    }
}
