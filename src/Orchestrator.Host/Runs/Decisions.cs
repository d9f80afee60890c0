using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Host.Processes;
using Orchestrator.Host.RunFile;
using Orchestrator.Training.Planning;

namespace Orchestrator.Host.Runs;

/// <summary>
/// What the run file leaves to the program and the weights depend on. It is decided once, when the run is started, and stands in the saved run file: whoever joins or
/// resumes, on whatever machine, finds it there.
/// </summary>
/// <param name="Settings">With nothing left open.</param>
/// <param name="Lines">What was decided and why.</param>
public sealed record Decisions(Settings Settings, ImmutableArray<string> Lines)
{
    private const string Auto = "auto";

    /// <summary>What an earlier start of the run decided.</summary>
    /// <param name="saved">The run as it was resolved.</param>
    public static Settings AsBefore(Settings settings, Settings saved)
    {
        settings = settings.Of(DataKeys.PairsPerLeaf) is null ? settings.With(DataKeys.PairsPerLeaf, saved.Of(DataKeys.PairsPerLeaf)) : settings;
        return settings.Of(ReferenceKeys.Logps) == Auto ? settings.With(ReferenceKeys.Logps, saved.Of(ReferenceKeys.Logps)) : settings;
    }

    /// <exception cref="ArgumentException">Not even the smallest leaf fits, or the memory is not known.</exception>
    public static Decisions Make(Settings settings, PreparedData data, OutputDirectory output, IReadOnlyList<WorkerPlace> places)
    {
        var lines = ImmutableArray.CreateBuilder<string>();
        if (settings.Of(DataKeys.PairsPerLeaf) is null || (settings.Of(ReferenceKeys.Logps) == Auto && Mapping.Needs(settings).Reference))
        {
            using var planner = new RunPlanner(settings, data.RowsOfSources, output.Pairs("train"), places);
            settings = Reference(settings, data, planner, lines);
            settings = Leaf(settings, planner, lines);
        }

        return new Decisions(Keeping(settings, output), lines.ToImmutable());
    }

    /// <summary>True: the reference's values are computed before the first step.</summary>
    public static bool IsPrecomputed(Settings settings) => Mapping.Needs(settings).Reference && settings.Of(ReferenceKeys.Logps) == "precompute";

    private static Settings Reference(Settings settings, PreparedData data, RunPlanner planner, ImmutableArray<string>.Builder lines)
    {
        if (settings.Of(ReferenceKeys.Logps) != Auto || !Mapping.Needs(settings).Reference)
        {
            return settings;
        }

        var smallest = settings.Of(DataKeys.PairsPerLeaf) ?? 1;
        var comesAgain = Mapping.Plan(settings.With(DataKeys.PairsPerLeaf, smallest), data.RowsOfSources).ToPlan().ComesAgain;
        var (way, why) = settings.Of(ReferenceKeys.Sync) ? ("live", "it moves (sync_ref_model)")
            : comesAgain ? ("precompute", "pairs come again")
            : planner.MemoryOfWorker is { } memory && planner.Of(smallest, precomputed: false).Total > memory && planner.Of(smallest, precomputed: true).Total <= memory
                ? ("precompute", $"a worker has {StepPlan.Megabytes(memory)}, too little for both models")
            : ("live", "no pair comes again");
        lines.Add($"reference_logps: {way}, because {why}.");
        return settings.With(ReferenceKeys.Logps, way);
    }

    private static Settings Leaf(Settings settings, RunPlanner planner, ImmutableArray<string>.Builder lines)
    {
        if (settings.Of(DataKeys.PairsPerLeaf) is not null)
        {
            return settings;
        }

        var memory = planner.MemoryOfWorker
            ?? throw new ArgumentException($"{DataKeys.PairsPerLeaf.Dotted} is auto, and what memory the workers have is not known here: they are accelerators, or on other machines. Say {ClusterKeys.MemoryPerWorker.Dotted}, in GiB, or the number of pairs.");
        var precomputed = IsPrecomputed(settings);
        var (pairs, plan) = planner.Largest(memory, precomputed)
            ?? throw new ArgumentException($"{DataKeys.PairsPerLeaf.Dotted} is auto, and a leaf of one pair needs more than the {StepPlan.Megabytes(memory)} of a worker. {planner.Of(1, precomputed).Advice()}");
        lines.Add($"pairs_per_leaf: {pairs}, which needs {StepPlan.Megabytes(plan.Total)} of a worker's {StepPlan.Megabytes(memory)}.");
        return settings.With(DataKeys.PairsPerLeaf, pairs);
    }

    // So that nothing is computed twice: by another worker of this machine, after an interruption, in the next run.
    private static Settings Keeping(Settings settings, OutputDirectory output) =>
        IsPrecomputed(settings) && settings.Of(ReferenceKeys.Cache) is null ? settings.With(ReferenceKeys.Cache, output.ReferenceBeside) : settings;
}
