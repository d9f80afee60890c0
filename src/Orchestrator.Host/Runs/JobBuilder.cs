using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Host.RunFile;

namespace Orchestrator.Host.Runs;

/// <summary>Settings and prepared data -> the job that every process of the run is told.</summary>
public static class JobBuilder
{
    /// <param name="resume">null: a new run.</param>
    /// <exception cref="ArgumentException">A resumed run's files have changed.</exception>
    public static Job Build(Settings settings, PreparedData data, OutputDirectory output, ResumePoint? resume, CancellationToken cancellation)
    {
        var files = Files(settings, data, output, cancellation);
        resume?.RequireSameFiles(files);
        return new Job
        {
            RunId = resume?.Earlier.RunId ?? Guid.NewGuid().ToString("N"),
            RunFile = SettingsWriter.Write(settings),
            Plan = Mapping.Plan(settings, data.RowsOfSources),
            EvaluationSets = data.EvaluationSets(RowsPerEvaluation(settings), settings.Of(SelectionKeys.Samples)),
            Reference = Decisions.IsPrecomputed(settings) ? Reference(settings, data, resume?.Step ?? 0) : null,
            Sampling = Sampling(settings),
            Files = [.. files, .. resume?.Files() ?? []],
            StartStep = resume?.Step ?? 0,
            StateDigest = resume?.Checkpoint?.State.Digest,
        };
    }

    // A loss that looks across a step's rows looks across as many in an evaluation: its value depends neither on leaves nor on workers.
    private static int RowsPerEvaluation(Settings settings) =>
        Mapping.Needs(settings).WholeStep ? settings.Of(DataKeys.PairsPerStep) : Mapping.PairsPerLeaf(settings);

    // A few rows are a leaf, and leaves are few enough for the coordinator to keep count of.
    private static ReferencePlan Reference(Settings settings, PreparedData data, long from)
    {
        const int Least = 4;
        const int MostLeaves = 1 << 14;
        var plan = Mapping.Plan(settings, data.RowsOfSources);
        var rows = plan.ToPlan().Visited(from, plan.Rows).Length + data.Eval.Sum(set => set.Report.RowsKept);
        return new ReferencePlan(rows, Math.Max(Least, (rows + MostLeaves - 1) / MostLeaves));
    }

    private static SamplingPlan? Sampling(Settings settings) => settings.Of(SelectionKeys.Samples) == 0 ? null : new SamplingPlan(
        settings.Of(SelectionKeys.SampleTokens),
        settings.Of(SelectionKeys.SampleTemperature),
        settings.Of(TrainingKeys.Seed),
        TextSource.Load(settings.Of(ModelKeys.Path), settings.Of(DataKeys.ChatTemplate)).Tokenizer?.EosId);

    private static ImmutableArray<JobFile> Files(Settings settings, PreparedData data, OutputDirectory output, CancellationToken cancellation)
    {
        var model = settings.Of(ModelKeys.Path);
        var reference = settings.Of(ModelKeys.Reference);
        var adapter = settings.Of(ModelKeys.Adapter);
        return
        [
            .. FileHashes.OfFolder(model, "model", cancellation),
            .. reference is null || reference == model ? [] : FileHashes.OfFolder(reference, "reference", cancellation),
            .. adapter is null ? [] : FileHashes.OfFolder(adapter, "adapter", cancellation),
            .. data.Eval.Select(set => (set.Name, set.Report)).Prepend(("train", data.Train))
                .Select(set => new JobFile($"pairs/{set.Item1}.pairs", set.Item2.Sha256, set.Item2.Bytes, output.Pairs(set.Item1))),
        ];
    }
}
