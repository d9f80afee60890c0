using System.Diagnostics;
using Orchestrator.Cluster;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;
using Orchestrator.Host.Screen;
using Orchestrator.Host.Traces;
using Orchestrator.Host.Verbs;
using Orchestrator.Training.Models;
using Orchestrator.Training.Native;
using TorchSharp;

namespace Orchestrator.Host.Benchmarks;

/// <summary>Trains some steps as `train` does, with the same coordinator and the same worker processes, in a folder that is thrown away, and measures.</summary>
public static class StepBenchmark
{
    /// <param name="trace">File for the steps' Chrome trace; null: none.</param>
    /// <exception cref="InvalidOperationException">The run did not end well; with its reason.</exception>
    public static async Task<StepBenchmarkResult> RunAsync(StepBenchmarkOptions options, ProgressLine line, string? trace, CancellationToken stop)
    {
        options.Check();
        var folder = Directory.CreateTempSubdirectory("orchestrator-bench-").FullName;
        using var timelines = TraceFolder.Create();
        try
        {
            string[] cache = options.Reference == "live" ? [] : [$"{ReferenceKeys.Cache.Dotted}={VerbSettings.Quote(Path.Combine(folder, "reference"))}"];
            var settings = VerbSettings.Of(MakeModel(options, Path.Combine(folder, "model")), null, options.Data, [.. options.Settings, .. cache]);
            double? precompute = options.Reference == "live" ? null : await FillAsync(settings, Path.Combine(folder, "first"), line, stop);
            var recorder = new Recorder();
            var load = Load();
            await TrainAsync(new TrainRun(settings, new OutputDirectory(Path.Combine(folder, "run")), Resume: false, line) { Observer = recorder, TraceFolder = timelines.Path }, stop);

            if (trace is not null)
            {
                timelines.WriteTrace(trace);
            }

            return StepBenchmarkResult.Of(options, recorder.Committed, [.. timelines.Read()], load, Load()) with { PrecomputeSeconds = precompute };
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <returns>Seconds that the slowest worker spent in the reference.</returns>
    private static async Task<double> FillAsync(Settings settings, string folder, ProgressLine line, CancellationToken stop)
    {
        using var timelines = TraceFolder.Create();
        await TrainAsync(new TrainRun(settings, new OutputDirectory(folder), Resume: false, line) { TraceFolder = timelines.Path }, stop);
        return timelines.Read().Max(process => process.Events.Where(found => found.Name == "reference").Sum(found => found.Duration)) / 1e6;
    }

    private static async Task TrainAsync(TrainRun run, CancellationToken stop)
    {
        var outcome = await run.RunAsync(stop);
        run.Line.End();
        if (outcome.End != RunEnd.Completed)
        {
            throw new InvalidOperationException($"The benchmark's run ended early: {outcome.Reason}");
        }
    }

    private static string MakeModel(StepBenchmarkOptions options, string folder)
    {
        Directory.CreateDirectory(folder);
        var config = Directory.Exists(options.Config) ? Path.Combine(options.Config, "config.json") : options.Config;
        if (!File.Exists(config))
        {
            throw new FileNotFoundException($"--config {options.Config}: {config} does not exist. Needed is a model's config.json, or its folder.", config);
        }

        File.Copy(config, Path.Combine(folder, "config.json"));
        if (options.Init is { } weights)
        {
            File.Copy(weights, Path.Combine(folder, "model.safetensors"));
            return folder;
        }

        TorchRuntime.Load();
        using var model = ModelDirectory.Create(ModelConfig.Load(folder), seed: 0, torch.CPU);
        ModelDirectory.Save(model, null, folder);
        return folder;
    }

    private static double Load() => File.Exists("/proc/loadavg")
        ? double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture)
        : 0;

    /// <summary>Steps as they are committed, with this process's own processor time so far.</summary>
    private sealed class Recorder : IRunObserver
    {
        public List<(StepCommitted Step, double CpuSeconds)> Committed { get; } = [];

        public void On(RunEvent happened)
        {
            if (happened is StepCommitted step)
            {
                using var self = Process.GetCurrentProcess();
                Committed.Add((step, self.TotalProcessorTime.TotalSeconds));
            }
        }
    }
}
