using System.Globalization;
using Orchestrator.Training.Native;
using static TorchSharp.torch;

namespace Orchestrator.Benchmarks.Native;

/// <summary>A training step's allocations under the C library's own settings, under the program's, and under those a launcher adds.</summary>
internal static class HeapBenchmark
{
    public const string ChildVerb = "heap-child";

    private static readonly string[] Settings = ["plain", "program", "launcher"];

    public static async Task Run(string[] program, int vocabulary, bool chunked, int steps, TextWriter output)
    {
        output.WriteLine($"vocabulary {vocabulary}, {(chunked ? "chunked" : "all logits at once")}, leaves of 512 tokens in varying shapes, 1 thread, {steps} steps");
        foreach (var setting in Settings)
        {
            var environment = setting == "launcher" ? TorchRuntime.WorkerEnvironment(1) : TorchRuntime.WorkerEnvironment(1).Clear().Add("OMP_NUM_THREADS", "1");
            var numbers = await Child.Run(program, [ChildVerb, setting, $"{vocabulary}", chunked ? "chunked" : "whole", $"{steps}"], environment);
            output.WriteLine($"  {setting,-10} {string.Join("  ", numbers.Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key} {pair.Value:0}")))}");
        }
    }

    public static void RunChild(string setting, int vocabulary, bool chunked, int steps, TextWriter output)
    {
        if (setting != "plain")
        {
            TorchRuntime.Load();
        }

        // On a thread of its own, as a replica does it: threads may have heaps of their own.
        var thread = new Thread(() => Loop(vocabulary, chunked, steps, output));
        thread.Start();
        thread.Join();
    }

    private static void Loop(int vocabulary, bool chunked, int steps, TextWriter output)
    {
        set_num_threads(1);
        using var loop = new StepLoop(vocabulary, tokens: 512);
        var (early, warm) = (Math.Max(1, steps / 4), Math.Min(5, steps / 2));
        var (start, earlyResident) = (ProcessUse.Now(), 0L);
        for (var step = 0; step < steps; step++)
        {
            loop.Step(chunked);
            start = step == warm - 1 ? ProcessUse.Now() : start;
            earlyResident = step == early - 1 ? ProcessUse.Megabytes("VmRSS") : earlyResident;
        }

        var use = ProcessUse.Now() - start;
        var counted = steps - warm;
        Child.Tell(
            new Dictionary<string, double>
            {
                ["cpu_ms"] = use.Seconds / counted * 1000,
                ["of_which_system_ms"] = use.SystemSeconds / counted * 1000,
                ["faults"] = use.Faults / counted,
                ["rss_mb_at_a_quarter"] = earlyResident,
                ["rss_mb_at_the_end"] = ProcessUse.Megabytes("VmRSS"),
                ["peak_mb"] = ProcessUse.Megabytes("VmHWM"),
            },
            output);
    }
}
