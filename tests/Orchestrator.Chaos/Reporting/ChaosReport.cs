using System.Globalization;
using System.Text.Json;
using Orchestrator.Chaos.Faults;

namespace Orchestrator.Chaos.Reporting;

/// <param name="Speeds">By the number of workers.</param>
/// <param name="Outside">As <see cref="OutsideWatch"/>, a second: control nodes that stand by.</param>
/// <param name="Metrics">Its metrics.jsonl.</param>
internal sealed record CalmRun(long Steps, Speeds Speeds, double Outside, string WeightsSha256, string Metrics)
{
    public static CalmRun None { get; } = new(0, new Speeds([]), 0, "", "");
}

/// <summary>What a chaos run has shown.</summary>
internal sealed record ChaosReport
{
    private static readonly JsonSerializerOptions Style = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    public required ChaosOptions Options { get; init; }

    public required bool LinksCut { get; init; }

    /// <summary>As many steps as were disturbed.</summary>
    public CalmRun Calm { get; init; } = CalmRun.None;

    /// <summary>Steps a second with all workers in a calm run before the disturbed one.</summary>
    public double CalmBefore { get; init; }

    public required IReadOnlyList<Fault> Faults { get; init; }

    public required IReadOnlyList<Commit> Commits { get; init; }

    /// <summary>As <see cref="OutsideWatch"/>.</summary>
    public required double ProcessorsOutside { get; init; }

    public required IReadOnlyList<string> Warnings { get; init; }

    public required string Ended { get; init; }

    public required string WeightsSha256 { get; init; }

    public required string Metrics { get; init; }

    public required int ProcessesLeft { get; init; }

    public required string[] SharedMemoryLeft { get; init; }

    public required int OpenFilesGrown { get; init; }

    public required long MemoryGrown { get; init; }

    public required int Restarts { get; init; }

    /// <summary>Each step once, in order.</summary>
    public bool StepsAreWhole => Commits.Select(commit => commit.Step).SequenceEqual(Enumerable.Range(1, (int)Calm.Steps).Select(step => (long)step));

    public long Rows => Commits.DistinctBy(commit => commit.Step).Sum(commit => (long)commit.Pairs);

    public long RowsExpected => Calm.Steps * RunFolder.PairsPerStep;

    public bool SameWeights => WeightsSha256.Length > 0 && WeightsSha256 == Calm.WeightsSha256;

    /// <summary>Line by line: sums over all pairs of each step.</summary>
    public bool SameMetrics => Metrics == Calm.Metrics;

    public bool NothingLost => StepsAreWhole && Rows == RowsExpected && SameWeights && SameMetrics && Faults.All(fault => fault.Failure.Length == 0)
        && ProcessesLeft == 0 && SharedMemoryLeft.Length == 0;

    public double Seconds => Commits.Count < 2 ? 0 : (Commits[^1].Time - Commits[0].Time).TotalSeconds;

    /// <summary>Steps a second of the calm runs before and after, their mean.</summary>
    public double CalmSpeed => (CalmBefore + Calm.Speeds.Of(Options.Workers)) / 2;

    /// <summary>Steps a second, as a share of the calm run's; 0 where that was too short to tell.</summary>
    public double Throughput => Seconds > 0 && CalmSpeed > 0 ? (Commits.Count - 1) / Seconds / CalmSpeed : 0;

    /// <summary>
    /// The same, each moment counted by what the workers that were in then do when nobody disturbs them (measured in the calm run), and less what processes
    /// took that were not in the run, beyond the calm run's. What it costs to notice, to agree, to compute again and to get up to speed is not taken out.
    /// </summary>
    public double AdjustedThroughput
    {
        get
        {
            var whole = Commits.Zip(Commits.Skip(1), (a, b) => (b.Time - a.Time).TotalSeconds * Calm.Speeds.Of(b.Workers)).Sum() / Calm.Speeds.Of(Options.Workers);
            whole -= (ProcessorsOutside - Calm.Outside * Seconds) / Environment.ProcessorCount;
            return whole > 0 ? Throughput * Seconds / whole : 0;
        }
    }

    public string ToJson() => JsonSerializer.Serialize(
        new
        {
            Options.Seed,
            minutes = Options.Duration.TotalMinutes,
            Options.Workers,
            Options.Control,
            Options.Patience,
            processors = Environment.ProcessorCount,
            links_cut = LinksCut,
            NothingLost,
            Ended,
            faults = Faults.Count,
            faults_by_kind = Faults.GroupBy(fault => fault.Kind.ToString()).ToDictionary(group => group.Key, group => group.Count()),
            failures = Faults.Where(fault => fault.Failure.Length > 0).Select(fault => $"{fault.Kind} of {fault.Victim}: {fault.Failure}"),
            worker_recovery_seconds = Quantiles(fault => fault.LosesWorker),
            coordinator_recovery_seconds = Quantiles(fault => fault.LosesCoordinator),
            steps = Commits.Count,
            steps_expected = Calm.Steps,
            rows = Rows,
            rows_expected = RowsExpected,
            SameWeights,
            SameMetrics,
            weights_sha256 = WeightsSha256,
            seconds = Seconds,
            calm_steps_per_second = Calm.Speeds.Measured.ToDictionary(speed => $"{speed.Key} workers", speed => speed.Value),
            calm_before_steps_per_second = CalmBefore,
            calm_processors_outside = Calm.Outside,
            Throughput,
            AdjustedThroughput,
            ProcessorsOutside,
            leaks = new { ProcessesLeft, SharedMemoryLeft, OpenFilesGrown, MemoryGrown },
            started_again = Restarts,
            each = Faults.Select(fault => new { kind = fault.Kind.ToString(), fault.Victim, fault.At, fault.Recovered, fault.Failure }),
            Warnings,
        },
        Style) + "\n";

    public void Show(Action<string> say)
    {
        say($"Disturbed: {Ended}");
        say($"{Faults.Count} faults in {Text(Seconds)} s: {string.Join(", ", Faults.GroupBy(fault => fault.Kind).OrderBy(group => group.Key).Select(group => $"{group.Count()} {group.Key}"))}.");
        say($"Recovery, seconds: worker {Quantiles(fault => fault.LosesWorker)}; coordinator {Quantiles(fault => fault.LosesCoordinator)}.");
        say($"Calm, steps a second: {string.Join(", ", Calm.Speeds.Measured.Select(speed => $"{Text(speed.Value)} with {speed.Key} workers"))}; before, {Text(CalmBefore)}.");
        say($"Throughput: {Throughput:P0} of the calm run's, {AdjustedThroughput:P0} adjusted for workers that were missing and for {Text(ProcessorsOutside - Calm.Outside * Seconds)} processor seconds of processes that were not in the run.");
        say($"Steps: {Commits.Count} committed, {Calm.Steps} wanted{(StepsAreWhole ? ", each once and in order" : ": NOT each once and in order")}. Rows: {Rows} of {RowsExpected}. Metrics: {(SameMetrics ? "the same bytes" : "NOT the same")}.");
        say($"Weights: {(SameWeights ? "the same" : "NOT the same")} ({WeightsSha256} and {Calm.WeightsSha256}).");
        say($"Left over: {ProcessesLeft} processes, {SharedMemoryLeft.Length} pieces of shared memory; grown at most by {OpenFilesGrown} open files and {MemoryGrown / 1e6:0} MB in one process. {Restarts} processes had ended by themselves.");
        foreach (var fault in Faults.Where(fault => fault.Failure.Length > 0))
        {
            say($"FAILED: {fault.Kind} of {fault.Victim} at {Text(fault.At)} s: {fault.Failure}");
        }

        say(NothingLost ? "Nothing was lost." : "SOMETHING WAS LOST.");
    }

    private Recovery? Quantiles(Func<Fault, bool> of)
    {
        var seconds = Faults.Where(of).Select(fault => fault.Recovered).OfType<double>().Order().ToArray();
        return seconds.Length == 0 ? null : new Recovery(seconds.Length, At(seconds, 0.5), At(seconds, 0.95), seconds[^1]);
    }

    // The smallest value that at least this share of them does not exceed.
    private static double At(double[] sorted, double share) => sorted[Math.Max(0, (int)Math.Ceiling(share * sorted.Length) - 1)];

    private static string Text(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);

    private sealed record Recovery(int Count, double P50, double P95, double Most)
    {
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"p50 {P50:0.0}, p95 {P95:0.0}, most {Most:0.0} of {Count}");
    }
}
