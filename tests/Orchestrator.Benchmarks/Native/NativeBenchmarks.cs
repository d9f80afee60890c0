using System.Globalization;

namespace Orchestrator.Benchmarks.Native;

/// <summary>The verbs that measure what lies below a training step: matrix library, heap, threads.</summary>
internal static class NativeBenchmarks
{
    /// <returns>The exit code: 2 where the arguments are not understood.</returns>
    public static async Task<int> Run(string[] arguments, string[] program, TextWriter output)
    {
        int Number(int at, int otherwise) => arguments.Length > at ? int.Parse(arguments[at], CultureInfo.InvariantCulture) : otherwise;
        var chunked = arguments.ElementAtOrDefault(2) != "whole";
        switch (arguments[0])
        {
            case "gemm":
                await GemmBenchmark.Run(program, Number(1, 1), Number(2, 3), output);
                return 0;
            case "heap":
                await HeapBenchmark.Run(program, Number(1, 32000), chunked, Number(3, 200), output);
                return 0;
            case "threads":
                await ThreadsBenchmark.Run(program, Number(1, Environment.ProcessorCount), Number(2, 20), Number(3, 3), output);
                return 0;
            case GemmBenchmark.ChildVerb:
                GemmBenchmark.RunChild(Number(1, 1), output);
                return 0;
            case HeapBenchmark.ChildVerb:
                HeapBenchmark.RunChild(arguments[1], Number(2, 32000), arguments[3] == "chunked", Number(4, 10), output);
                return 0;
            case ThreadsBenchmark.ChildVerb:
                ThreadsBenchmark.RunChild(Number(1, 0), Number(2, 10), output);
                return 0;
            default:
                return 2;
        }
    }
}
