using System.Collections.Immutable;
using Orchestrator.Cluster;
using Orchestrator.Collectives;
using Orchestrator.Core;
using Orchestrator.Host.RunFile;
using Orchestrator.Training;
using Orchestrator.Training.Data;
using Orchestrator.Training.Models.Adapters;
using Orchestrator.Training.Objectives;
using Orchestrator.Training.Optimizers;

namespace Orchestrator.Host.Runs;

/// <summary>From the keys of the run file to the options of each room.</summary>
public static class Mapping
{
    public static ObjectiveOptions Objective(Settings settings) => new()
    {
        LossType = settings.Of(ObjectiveKeys.LossType),
        LossWeights = settings.Of(ObjectiveKeys.LossWeights),
        Beta = settings.Of(ObjectiveKeys.Beta),
        LabelSmoothing = settings.Of(ObjectiveKeys.LabelSmoothing),
        ReferenceFree = settings.Of(ObjectiveKeys.ReferenceFree),
        FDivergenceType = settings.Of(ObjectiveKeys.FDivergenceType),
        FAlphaDivergenceCoef = settings.Of(ObjectiveKeys.FAlphaDivergenceCoef),
        LdAlpha = settings.Of(ObjectiveKeys.LdAlpha),
        UseWeighting = settings.Of(ObjectiveKeys.UseWeighting),
        DiscopopTau = settings.Of(ObjectiveKeys.DiscopopTau),
        SimpoGamma = settings.Of(ObjectiveKeys.SimpoGamma),
        GtRewardScale = settings.Of(ObjectiveKeys.GtRewardScale),
        CpoAlpha = settings.Of(ObjectiveKeys.CpoAlpha),
        UnlikelihoodAlpha = settings.Of(ObjectiveKeys.UnlikelihoodAlpha),
        DesirableWeight = settings.Of(ObjectiveKeys.DesirableWeight),
        UndesirableWeight = settings.Of(ObjectiveKeys.UndesirableWeight),
    };

    public static ObjectiveNeeds Needs(Settings settings) => Orchestrator.Training.Objectives.Objective.Create(Objective(settings)).Needs;

    /// <summary>True: maximum likelihood, alone.</summary>
    public static bool IsSft(Settings settings) => settings.Of(ObjectiveKeys.LossType) is ["sft"];

    /// <param name="vocabulary">Rows of the model's embedding.</param>
    public static DataOptions Data(Settings settings, int vocabulary) => new()
    {
        CompletionsPerRow = Needs(settings).CompletionsPerRow,
        Labels = Needs(settings).Labels,
        RewardMargins = Needs(settings).RewardMargins,
        MaxLength = settings.Of(DataKeys.MaxLength),
        MaxPromptLength = settings.Of(DataKeys.MaxPromptLength),
        TruncationMode = settings.Of(DataKeys.TruncationMode) switch
        {
            "keep_start" => TruncationMode.KeepStart,
            "keep_end" => TruncationMode.KeepEnd,
            _ => TruncationMode.Paper,
        },
        AddEos = settings.Of(DataKeys.AddEos),
        Join = settings.Of(DataKeys.PromptJoin) == "joined" ? PromptJoin.Joined : PromptJoin.Separate,
        Format = settings.Of(DataKeys.Format),
        RejectedChoice = settings.Of(DataKeys.RejectedChoice) == "worst" ? RejectedChoice.Worst : RejectedChoice.Random,
        Seed = settings.Of(TrainingKeys.Seed),
        FailOnBadRow = settings.Of(DataKeys.OnBadRow) == "fail",
        VocabularySize = vocabulary,
        Columns = settings.Of(DataKeys.Columns),
    };

    public static OptimizerOptions Optimizer(Settings settings) => new()
    {
        Name = settings.Of(TrainingKeys.Optimizer),
        WeightDecay = settings.Of(TrainingKeys.WeightDecay),
        AdamBeta1 = settings.Of(TrainingKeys.AdamBeta1),
        AdamBeta2 = settings.Of(TrainingKeys.AdamBeta2),
        AdamEpsilon = settings.Of(TrainingKeys.AdamEpsilon),
        RmspropAlpha = settings.Of(TrainingKeys.RmspropAlpha),
        RmspropEpsilon = settings.Of(TrainingKeys.RmspropEpsilon),
        Momentum = settings.Of(TrainingKeys.Momentum),
    };

    public static ScheduleOptions Schedule(Settings settings) => new()
    {
        LearningRate = settings.Of(TrainingKeys.LearningRate),
        Kind = settings.Of(TrainingKeys.Schedule),
        WarmupSteps = settings.Of(TrainingKeys.WarmupSteps),
        WarmupRatio = settings.Of(TrainingKeys.WarmupRatio),
    };

    /// <summary>Null: all weights are trained.</summary>
    public static LoraOptions? Lora(Settings settings) => settings.Of(LoraKeys.Rank) == 0 && settings.Of(ModelKeys.Adapter) is null ? null : new()
    {
        New = settings.Of(ModelKeys.Adapter) is null
            ? new LoraSpec(settings.Of(LoraKeys.Rank), settings.Of(LoraKeys.Alpha), settings.Of(LoraKeys.RankStabilized))
            : null,
        TargetModules = settings.Of(LoraKeys.TargetModules),
        Seed = settings.Of(TrainingKeys.Seed),
        BaseModel = settings.Of(ModelKeys.Path),
    };

    /// <param name="device">As libtorch names it.</param>
    public static ReplicaOptions Replica(Settings settings, string device, int? threads) => new()
    {
        Device = device,
        Threads = threads,
        Objective = Objective(settings),
        Optimizer = Optimizer(settings),
        Schedule = Schedule(settings),
        Lora = Lora(settings),
        MaxGradNorm = settings.Of(TrainingKeys.MaxGradNorm),
        Bf16 = settings.Of(TrainingKeys.Bf16),
        GradientCheckpointing = settings.Of(TrainingKeys.GradientCheckpointing),
        LogprobChunk = settings.Of(TrainingKeys.LogprobChunk),
        LogprobKeepBytes = (long)settings.Of(TrainingKeys.LogprobKeep) << 20,
        MaxLength = settings.Of(DataKeys.MaxLength),
        ReferenceUpdate = settings.Of(ReferenceKeys.Sync)
            ? new ReferenceUpdateOptions { MixupAlpha = settings.Of(ReferenceKeys.MixupAlpha), EverySteps = settings.Of(ReferenceKeys.SyncSteps) }
            : null,
        Reduction = settings.Of(ClusterKeys.Reduction) == "canonical" ? Reduction.Canonical : Reduction.Sequential,
        ReferenceCache = settings.Of(ReferenceKeys.Cache),
        Reference = settings.Of(ReferenceKeys.Logps) switch
        {
            "live" => ReferenceMode.Live,
            "precompute" => ReferenceMode.Precompute,
            _ => ReferenceMode.Auto,
        },
    };

    /// <summary>What is read to train on.</summary>
    public static IReadOnlyList<string> TrainPaths(Settings settings) => [.. settings.Of(DataKeys.Train).Select(source => source.Path)];

    /// <param name="rowsOfSources">Rows that are used of each source of data.train.</param>
    /// <exception cref="InvalidDataException">A source of a mixture has no such rows.</exception>
    public static PlanOptions Plan(Settings settings, IReadOnlyList<int> rowsOfSources)
    {
        var shares = Shares(settings, rowsOfSources);
        return Plan(settings, shares.Length == 0 ? rowsOfSources.Sum() : shares.Sum(share => share.PerEpoch)) with { Sources = shares };
    }

    private static ImmutableArray<SourceShare> Shares(Settings settings, IReadOnlyList<int> rows)
    {
        var sources = settings.Of(DataKeys.Train);
        if (sources.Any(source => source.Weight is null))
        {
            return [];
        }

        return sources.Where((_, at) => rows[at] == 0).FirstOrDefault() is { } empty
            ? throw new InvalidDataException($"{empty.Path} has no row that can be used, and {DataKeys.Train.Dotted} gives it a weight of {empty.Weight}. Leave it out, or mend it.")
            : SourceShare.Mix(rows, [.. sources.Select(source => source.Weight!.Value)], settings.Of(DataKeys.StoppingStrategy) == "all_exhausted");
    }

    /// <exception cref="InvalidOperationException">It is still to be decided.</exception>
    public static int PairsPerLeaf(Settings settings) => settings.Of(DataKeys.PairsPerLeaf) ?? throw new InvalidOperationException($"{DataKeys.PairsPerLeaf.Dotted} has not been decided yet.");

    /// <param name="pairs">Pairs of an epoch.</param>
    public static PlanOptions Plan(Settings settings, int pairs) => new(
        settings.Of(TrainingKeys.Seed),
        pairs,
        settings.Of(DataKeys.PairsPerStep),
        PairsPerLeaf(settings),
        settings.Of(TrainingKeys.Epochs),
        settings.Of(TrainingKeys.MaxSteps),
        settings.Of(DataKeys.Shuffle));

    /// <summary>Null: no TLS.</summary>
    public static TlsOptions? Tls(Settings settings) =>
        settings.Of(ClusterKeys.TlsCertificate) is { } certificate && settings.Of(ClusterKeys.TlsKey) is { } key && settings.Of(ClusterKeys.TlsAuthority) is { } authority
            ? new TlsOptions(certificate, key, authority)
            : null;

    public static Deadlines Deadlines(Settings settings) => new()
    {
        Patience = TimeSpan.FromSeconds(settings.Of(ClusterKeys.Deadline)),
        Work = TimeSpan.FromMinutes(settings.Of(ClusterKeys.WorkMinutes)),
    };
}
