using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using Orchestrator.Training.Native;

namespace Orchestrator.Benchmarks.Native;

/// <summary>The same work by one process with many threads and by many with one, with and without the environment a launcher sets.</summary>
internal static class ThreadsBenchmark
{
    public const string ChildVerb = "threads-child";

    public static async Task Run(string[] program, int cores, int steps, int rounds, TextWriter output)
    {
        var none = ImmutableDictionary<string, string>.Empty;
        (string Name, int Processes, int Threads, Func<int, ImmutableDictionary<string, string>> Environment)[] layouts =
        [
            ("processes left alone", cores, 0, _ => none),
            ("threads told to libtorch only", cores, 1, _ => none),
            ("launcher's environment", cores, 1, TorchRuntime.WorkerEnvironment),
            ("one process, nothing set", 1, cores, _ => none),
            ("one process, launcher's environment", 1, cores, TorchRuntime.WorkerEnvironment),
        ];
        var measured = layouts.ToDictionary(layout => layout.Name, _ => new List<(double Wall, double Cpu)>());
        for (var round = 0; round < rounds; round++)
        {
            foreach (var (name, processes, threads, environment) in layouts)
            {
                var each = steps / processes;
                var all = await Task.WhenAll(Enumerable.Range(0, processes).Select(_ => Child.Run(program, [ChildVerb, $"{threads}", $"{each}"], environment(threads))));
                measured[name].Add((all.Max(one => one["wall_s"]), all.Sum(one => one["cpu_s"])));
            }
        }

        output.WriteLine($"{steps} leaves of 512 tokens in all, {cores} cores, medians of {rounds} rounds: wall s, processor s");
        foreach (var (name, all) in measured)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {name,-38} {Child.Median(all.Select(one => one.Wall)),7:0.0} {Child.Median(all.Select(one => one.Cpu)),7:0.0}"));
        }
    }

    /// <param name="threads">0: libtorch's own choice.</param>
    public static void RunChild(int threads, int steps, TextWriter output)
    {
        TorchRuntime.Load();
        if (threads > 0)
        {
            TorchRuntime.UseThreads(threads);
        }

        using var loop = new StepLoop(vocabulary: 32000, tokens: 512);
        loop.Step(chunked: true);
        var (before, clock) = (ProcessUse.Now(), Stopwatch.StartNew());
        for (var step = 0; step < steps; step++)
        {
            loop.Step(chunked: true);
        }

        Child.Tell(new Dictionary<string, double> { ["wall_s"] = clock.Elapsed.TotalSeconds, ["cpu_s"] = (ProcessUse.Now() - before).Seconds }, output);
    }
}
