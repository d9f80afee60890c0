using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;
using Orchestrator.Training.Planning;

namespace Orchestrator.Host.Verbs;

/// <summary>`orchestrator plan`: what a worker of a run will need, before it starts.</summary>
public static class PlanVerb
{
    private static readonly CultureInfo Plain = CultureInfo.InvariantCulture;

    public static Command Command()
    {
        var file = new Argument<string>("run") { Description = "The run file." };
        var set = new Option<string[]>("--set") { Description = "key=value: wins over the run file. See: orchestrator keys.", AllowMultipleArgumentsPerToken = false };
        var json = VerbOptions.Json();
        var command = new Command("plan", "Reckon a worker's memory, the work of a step, and the largest leaf that fits.") { file, set, json };
        command.SetAction((parsed, stop) => Task.Run(
            () =>
            {
                var (settings, output) = TrainVerb.Read(parsed.GetRequiredValue(file), parsed.GetValue(set) ?? []);
                var found = Make(settings, output, stop);
                Console.Out.Write(parsed.GetValue(json) ? Json(found) + Environment.NewLine : Text(found));
                return ExitCode.Done;
            },
            stop));
        return command;
    }

    /// <summary>Prepares the rows in a folder that is thrown away; tokens are kept where the run itself will look for them.</summary>
    internal static RunNeeds Make(Settings settings, OutputDirectory output, CancellationToken stop)
    {
        var folder = Directory.CreateTempSubdirectory("orchestrator-plan-");
        try
        {
            var prepared = new OutputDirectory(folder.FullName);
            Directory.CreateDirectory(Path.GetDirectoryName(prepared.Pairs("train"))!);
            var data = PreparedData.Make(settings.Of(DataKeys.CacheDirectory) is null ? settings.With(DataKeys.CacheDirectory, output.TokensBeside) : settings, prepared, stop);
            var places = TrainRun.PlacesOf(settings);
            var decided = Decisions.Make(settings, data, prepared, places);
            using var planner = new RunPlanner(decided.Settings, data.RowsOfSources, prepared.Pairs("train"), places);
            var (pairs, precomputed) = (decided.Settings.Of(DataKeys.PairsPerLeaf)!.Value, Decisions.IsPrecomputed(decided.Settings));
            var (plan, memory) = (planner.Of(pairs, precomputed), planner.MemoryOfWorker);
            return new RunNeeds(decided, planner.Workers, pairs, plan, memory, memory is { } bytes ? planner.Largest(bytes, precomputed) : null);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    internal static string Text(RunNeeds needs)
    {
        var (plan, leaf, lines) = (needs.Plan, needs.Plan.Largest, new List<string>());
        lines.AddRange(needs.Decided.Lines);
        lines.Add(string.Create(Plain, $"Memory of each of {needs.Workers} worker(s); the largest leaf has {leaf.Rows} pairs, {leaf.Tokens:#,0} tokens, {leaf.Targets:#,0} of them in answers:"));
        lines.AddRange(plan.Parts.Select(part => string.Create(Plain, $"  {part.Name,-12} {StepPlan.Megabytes(part.Bytes),12}{(part.Shrink.Length == 0 ? "" : "   less: " + string.Join("; ", part.Shrink))}")));
        lines.Add($"  {"together",-12} {StepPlan.Megabytes(plan.Total),12}{(needs.Memory is { } memory ? $"   of {StepPlan.Megabytes(memory)}{(plan.Total > memory ? ": TOO LITTLE" : "")}" : "")}");
        lines.Add(string.Create(Plain, $"A step: {plan.Flops / 1e12:0.###} TFLOP in all; a worker sends and receives {StepPlan.Megabytes(plan.ReducedBytes)} of gradients, and its optimizer reads and writes {StepPlan.Megabytes(plan.UpdatedBytes)}."));
        lines.Add(needs.Memory is null ? "What memory the workers have is not known here: say memory_per_worker_gb. What an accelerator needs is reckoned as on a CPU."
            : needs.Largest is { } largest ? $"The largest leaf that fits: pairs_per_leaf {largest.PairsPerLeaf}, {StepPlan.Megabytes(largest.Plan.Total)}."
            : $"Not even a leaf of one pair fits. {plan.Advice()}");
        return string.Join(Environment.NewLine, lines) + Environment.NewLine;
    }

    internal static string Json(RunNeeds needs) => JsonSerializer.Serialize(
        new
        {
            workers = needs.Workers,
            pairs_per_leaf = needs.PairsPerLeaf,
            reference_logps = needs.Decided.Settings.Of(ReferenceKeys.Logps),
            bytes = needs.Plan.Parts.ToDictionary(part => part.Name, part => part.Bytes),
            total_bytes = needs.Plan.Total,
            memory_bytes = needs.Memory,
            largest_leaf = new { pairs = needs.Plan.Largest.Rows, tokens = needs.Plan.Largest.Tokens, answer_tokens = needs.Plan.Largest.Targets },
            flops_per_step = needs.Plan.Flops,
            reduced_bytes_per_step = needs.Plan.ReducedBytes,
            updated_bytes_per_step = needs.Plan.UpdatedBytes,
            largest_pairs_per_leaf = needs.Largest?.PairsPerLeaf,
        },
        VerbOptions.JsonStyle);
}

/// <summary>What was reckoned for a run.</summary>
/// <param name="Memory">Bytes that a worker may take; null: not known.</param>
/// <param name="Largest">The largest leaf that fits into it.</param>
internal sealed record RunNeeds(Decisions Decided, int Workers, int PairsPerLeaf, StepPlan Plan, long? Memory, (int PairsPerLeaf, StepPlan Plan)? Largest);
