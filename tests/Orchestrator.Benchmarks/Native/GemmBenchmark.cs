using System.Globalization;
using Orchestrator.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Benchmarks.Native;

/// <summary>fp32 products with fast math off and on, in processes that take turns.</summary>
internal static class GemmBenchmark
{
    public const string ChildVerb = "gemm-child";

    private static readonly (int Rows, int Columns, int Inner)[] Sizes = [(1024, 1024, 1024), (2048, 1536, 384), (4096, 768, 288), (512, 32000, 288)];

    public static async Task Run(string[] program, int threads, int rounds, TextWriter output)
    {
        string[] settings = ["0", "1"];
        var measured = settings.ToDictionary(setting => setting, _ => new List<Dictionary<string, double>>());
        for (var round = 0; round < rounds; round++)
        {
            foreach (var setting in settings)
            {
                var environment = TorchRuntime.WorkerEnvironment(threads).SetItem(TorchRuntime.FastMathVariable, setting);
                measured[setting].Add(await Child.Run(program, [ChildVerb, $"{threads}"], environment));
            }
        }

        output.WriteLine($"fp32, {threads} thread(s), GFLOP per processor second, best of 15 in each process, medians of {rounds} rounds: off, on, ratio");
        foreach (var size in measured["0"][0].Keys)
        {
            var (off, on) = (Child.Median(measured["0"].Select(one => one[size])), Child.Median(measured["1"].Select(one => one[size])));
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {size,-18} {off,7:0.0} {on,7:0.0} {on / off,6:0.00}"));
        }
    }

    public static void RunChild(int threads, TextWriter output)
    {
        output.WriteLine(TorchRuntime.Load().FastMath);
        TorchRuntime.UseThreads(threads);
        Child.Tell(Sizes.ToDictionary(size => $"{size.Rows}x{size.Columns}x{size.Inner}", Best), output);
    }

    private static double Best((int Rows, int Columns, int Inner) size)
    {
        using var a = randn(size.Rows, size.Inner);
        using var b = randn(size.Columns, size.Inner);
        var operations = 2.0 * size.Rows * size.Columns * size.Inner;
        var repeat = (int)Math.Max(1, 2e9 / operations); // the clock of processor time is coarse
        return operations * repeat / Enumerable.Range(0, 15).Min(_ => Seconds(a, b, repeat)) / 1e9;
    }

    private static double Seconds(Tensor a, Tensor b, int repeat)
    {
        var before = ProcessUse.Now();
        for (var i = 0; i < repeat; i++)
        {
            nn.functional.linear(a, b).Dispose();
        }

        return (ProcessUse.Now() - before).Seconds;
    }
}
