using System.Collections.Immutable;
using System.Globalization;
using Orchestrator.Core;
using Orchestrator.Host.Processes;
using Orchestrator.Host.RunFile;
using Orchestrator.Training;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;
using Orchestrator.Training.Models.Families;

namespace Orchestrator.Host.Runs;

/// <summary>What is about to happen, in words.</summary>
public static class Announcement
{
    public static IEnumerable<string> Before(Settings settings, IReadOnlyList<WorkerPlace> places, OutputDirectory output)
    {
        var loss = string.Join("+", settings.Of(ObjectiveKeys.LossType));
        var beta = Mapping.IsSft(settings) ? "" : $"beta {Text(settings.Of(ObjectiveKeys.Beta))}, ";
        yield return $"Training {settings.Of(ModelKeys.Path)} ({loss}, {beta}{settings.Of(TrainingKeys.Optimizer)}, learning rate {Text(settings.Of(TrainingKeys.LearningRate))})";
        if (Mapping.Lora(settings) is { } lora)
        {
            yield return lora.New is { } fresh
                ? $"by LoRA adapters of rank {fresh.Rank} (scale {Text(fresh.Scale)}) on {string.Join(", ", Targets(settings, lora))}"
                : $"by going on with the adapter {settings.Of(ModelKeys.Adapter)}";
        }

        if (settings.Of(ReferenceKeys.Sync))
        {
            yield return $"against a reference that takes {Text(settings.Of(ReferenceKeys.MixupAlpha))} of the policy every {settings.Of(ReferenceKeys.SyncSteps)} steps";
        }

        yield return $"on {string.Join(", ", Mapping.TrainPaths(settings))}";
        yield return places.Count == 0
            ? "with workers that join from other machines"
            : $"with {places.Count} worker{(places.Count == 1 ? "" : "s")}: {string.Join(", ", places.Select(place => place.Device == "cpu" ? $"cpu ({place.Threads} thread{(place.Threads == 1 ? "" : "s")})" : place.Device))}";
        yield return $"into {output.Path}";
    }

    private static ImmutableArray<string> Targets(Settings settings, LoraOptions lora) => lora.TargetModules is [LoraTargets.Default]
        ? LoraTargets.DefaultOf(Family.Describe(ModelConfig.Load(settings.Of(ModelKeys.Path))))
        : lora.TargetModules;

    public static IEnumerable<string> Of(Settings settings, PreparedData data, Job job)
    {
        foreach (var note in data.Notes)
        {
            yield return $"  {note}";
        }

        foreach (var (name, report) in data.Eval.Prepend(("train", data.Train)))
        {
            foreach (var line in report.Lines())
            {
                yield return $"  {name}: {line}";
            }
        }

        foreach (var (source, share) in settings.Of(DataKeys.Train).Zip(job.Plan.Sources))
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"  mixed: {100.0 * share.PerEpoch / job.Plan.Pairs:0.0} % {source.Path}: {share.PerEpoch} pairs an epoch, of {share.Rows}");
        }

        if (data.Dated)
        {
            yield return "WARNING: the chat template may write today's date into prompts: the same rows then differ from day to day, between runs and from what is scored later. Set data.chat_template to a template file that does not call strftime_now.";
        }

        if (data.Train.Desirable is { } desirable && Balance(settings, desirable, data.Train.RowsKept - desirable) is { } unbalanced)
        {
            yield return unbalanced;
        }

        var plan = job.Plan.ToPlan();
        yield return $"{plan.Steps} steps of {plan.PairsPerStep} {(Mapping.Needs(settings).CompletionsPerRow == 1 ? "rows" : "pairs")} in leaves of {plan.PairsPerLeaf}: {plan.EpochAt(plan.Steps).ToString("0.##", CultureInfo.InvariantCulture)} epochs."
            + (job.StartStep > 0 ? $" Going on after step {job.StartStep}." : "");
        if (Mapping.Needs(settings).Reference)
        {
            yield return job.Reference is { } pass
                ? $"Reference: computed once for {pass.Rows} rows before the first step, then let go; kept in {settings.Of(ReferenceKeys.Cache)}."
                : "Reference: computed in every step.";
        }
    }

    // Ethayarajh et al. 2024, section 4.4: the desirable answers together are to weigh 1 to 4/3 of the undesirable ones.
    private static string? Balance(Settings settings, int desirable, int undesirable)
    {
        var (good, bad) = (desirable * settings.Of(ObjectiveKeys.DesirableWeight), undesirable * settings.Of(ObjectiveKeys.UndesirableWeight));
        return good <= 0 || bad <= 0 || (good / bad >= 0.999 && good / bad <= 4.001 / 3)
            ? null
            : $"WARNING: the desirable answers together weigh {Text(Math.Round(good / bad, 2))} of the undesirable ones; KTO's authors advise 1 to 1.33. "
                + (good > bad
                    ? $"Set undesirable_weight to {Text(Math.Round(good / undesirable * 3 / 4, 3))} to {Text(Math.Round(good / undesirable, 3))}."
                    : $"Set desirable_weight to {Text(Math.Round(bad / desirable, 3))} to {Text(Math.Round(bad / desirable * 4 / 3, 3))}.");
    }

    private static string Text(double value) => value.ToString("0.######e0", CultureInfo.InvariantCulture) is var e && value is < 0.001 or >= 10000 ? e : value.ToString("0.######", CultureInfo.InvariantCulture);
}
