using System.Collections.Immutable;
using Orchestrator.Cluster;
using Orchestrator.Host.Metrics;
using Orchestrator.Host.Traces;

namespace Orchestrator.Host.Benchmarks;

/// <summary>What was measured. Per-step lists hold the timed steps only, except the losses.</summary>
/// <param name="Seconds">From the end of the step before on the slowest worker to the end of this one, optimizer, commit and dealing included.</param>
/// <param name="Tokens">Of all sequences, the prompt counted for each answer.</param>
/// <param name="CpuSeconds">User and system time of all workers and of the coordinator.</param>
/// <param name="PeakMegabytes">VmHWM of each worker at the end of its last step.</param>
/// <param name="Phases">Seconds a step, mean over workers and steps.</param>
/// <param name="CpuPhases">As <paramref name="Phases"/>, processor time of the device thread: on a loaded machine this tells more. Where it changes threads nothing is counted.</param>
/// <param name="Losses">Of every step, warm-up included: mean over its pairs.</param>
public sealed record StepBenchmarkResult(
    StepBenchmarkOptions Options,
    ImmutableArray<double> Seconds,
    ImmutableArray<double> Tokens,
    ImmutableArray<double> CpuSeconds,
    ImmutableArray<double> PeakMegabytes,
    ImmutableArray<(string Name, double Seconds)> Phases,
    ImmutableArray<(string Name, double Seconds)> CpuPhases,
    ImmutableArray<double> Losses,
    ImmutableArray<double> GradientNorms,
    double LoadBefore,
    double LoadAfter)
{
    /// <summary>Seconds that the reference took for the pairs of all steps, warm-up included, outside the measured run; null: it was live.</summary>
    public double? PrecomputeSeconds { get; init; }

    public double MedianSeconds => Seconds.Order().ElementAt(Seconds.Length / 2) is var upper && Seconds.Length % 2 == 1
        ? upper
        : (upper + Seconds.Order().ElementAt(Seconds.Length / 2 - 1)) / 2;

    public double PairsPerSecond => Options.PairsPerStep * Seconds.Length / Seconds.Sum();

    public double TokensPerSecond => Tokens.Sum() / Seconds.Sum();

    public static StepBenchmarkResult Of(
        StepBenchmarkOptions options,
        IReadOnlyList<(StepCommitted Step, double CpuSeconds)> committed,
        ImmutableArray<(string Process, IReadOnlyList<TraceEvent> Events)> timelines,
        double loadBefore,
        double loadAfter)
    {
        var workers = timelines.Where(process => process.Process + ".jsonl" != CoordinatorTimeline.FileName).Select(process => process.Events).ToArray();
        var timed = Enumerable.Range(options.WarmupSteps, options.Steps).ToArray();
        double End(int step) => workers.Max(events => StepOf(events, step).Ended);
        double Cpu(int step) => committed[step].CpuSeconds + workers.Sum(events => StepOf(events, step).Values["cpu_seconds"]);
        return new StepBenchmarkResult(
            options,
            [.. timed.Select(step => (End(step) - End(step - 1)) / 1e6)],
            [.. timed.Select(step => committed[step].Step.Metrics.ValueOf(MetricNames.Tokens) ?? 0)],
            [.. timed.Select(step => Cpu(step) - Cpu(step - 1))],
            [.. workers.Select(events => events.Where(found => found.Name == "step").Max(found => found.Values["peak_mb"]))],
            StepPhases.Of(workers, timed, span => span.Duration),
            StepPhases.Of(workers, timed, span => span.Processor ?? 0),
            [.. committed.Select(step => step.Step.Metrics.ValueOf(MetricNames.Loss) ?? double.NaN)],
            [.. committed.Select(step => step.Step.Metrics.ValueOf("grad_norm") ?? double.NaN)],
            loadBefore,
            loadAfter);
    }

    internal static TraceEvent StepOf(IReadOnlyList<TraceEvent> events, long step) =>
        events.FirstOrDefault(found => found.Name == "step" && found.Step == step)
        ?? throw new InvalidDataException($"A worker's timeline has no step {step}: it was lost, or came later. Measure again.");
}
