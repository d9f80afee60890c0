using System.Collections.Immutable;

namespace Orchestrator.Core;

/// <summary>
/// What every process of a run must know, made once by the process that starts the run. It is small and travels as JSON; the files it names
/// are downloaded from the coordinator where they do not already lie on the machine.
/// </summary>
public sealed record Job
{
    /// <summary>Names the run: frames and messages of another run are refused.</summary>
    public required string RunId { get; init; }

    /// <summary>The resolved run file, as saved with the output.</summary>
    public required string RunFile { get; init; }

    /// <summary>Which pairs make up which leaf of which step.</summary>
    public required PlanOptions Plan { get; init; }

    /// <summary>Evaluation sets in the order in which they are evaluated.</summary>
    public ImmutableArray<EvaluationSet> EvaluationSets { get; init; } = [];

    /// <summary>null: the reference's values are computed live, or there is none.</summary>
    public ReferencePlan? Reference { get; init; }

    /// <summary>null: no set has samples.</summary>
    public SamplingPlan? Sampling { get; init; }

    /// <summary>Model, reference, encoded pairs and, on a resume, the checkpoint.</summary>
    public ImmutableArray<JobFile> Files { get; init; } = [];

    /// <summary>Steps committed before this process group started: 0, or the checkpoint's step on a resume.</summary>
    public long StartStep { get; init; }

    /// <summary>Digest of the replica's state at <see cref="StartStep"/>; null where the first replica to start decides it.</summary>
    public ulong? StateDigest { get; init; }
}

/// <summary>The arguments of a <see cref="BatchPlan"/>.</summary>
public sealed record PlanOptions(long Seed, int Pairs, int PairsPerStep, int PairsPerLeaf, double Epochs = 1, long? MaxSteps = null, bool Shuffle = true)
{
    /// <summary>What an epoch visits of each source of a mixture; empty where the data are not mixed by weight.</summary>
    public ImmutableArray<SourceShare> Sources { get; init; } = [];

    /// <summary>Rows of the data, whether or not an epoch visits all of them.</summary>
    public int Rows => Sources.Length == 0 ? Pairs : Sources.Sum(source => source.Rows);

    public BatchPlan ToPlan() => new(Seed, Pairs, PairsPerStep, PairsPerLeaf, Epochs, MaxSteps, Shuffle, Sources);
}

/// <summary>A set of held-out pairs. Its leaves are consecutive runs of <paramref name="PairsPerLeaf"/> pairs in file order.</summary>
/// <param name="Name">As the metrics prefix says it: "eval" gives eval_loss.</param>
/// <param name="Samples">The first so many rows' prompts are answered by policy and reference at each evaluation.</param>
public sealed record EvaluationSet(string Name, int Pairs, int PairsPerLeaf, int Samples = 0)
{
    public int Leaves => (Pairs + PairsPerLeaf - 1) / PairsPerLeaf;
}

/// <summary>The pass of the reference over the data before the first step: rows of the run, dealt in runs of <paramref name="RowsPerLeaf"/> as those of an evaluation set.</summary>
/// <param name="Rows">Those that the run visits from its first step on, and all of the evaluation sets.</param>
public sealed record ReferencePlan(int Rows, int RowsPerLeaf)
{
    /// <summary>Stands for the pass where a set is named; no set can bear it.</summary>
    public const string SetName = "the reference's log-probabilities";

    public EvaluationSet ToSet() => new(SetName, Rows, RowsPerLeaf);
}

/// <summary>How prompts of evaluation sets are answered.</summary>
/// <param name="Temperature">0: the most likely token each time.</param>
/// <param name="EosId">Ends an answer; null: each has <paramref name="MaxNewTokens"/>.</param>
public sealed record SamplingPlan(int MaxNewTokens, double Temperature, long Seed, int? EosId);

/// <summary>A prompt's answers, as ids, the end token included where it came.</summary>
/// <param name="Row">Of the evaluation set.</param>
/// <param name="Reference">null where the run has no reference.</param>
public sealed record PromptSample(int Row, ImmutableArray<int> Policy, ImmutableArray<int>? Reference);

/// <summary>A file that a worker needs.</summary>
/// <param name="Name">Relative, with forward slashes: "model/config.json", "reference/model.safetensors", "pairs/train.pairs", "checkpoint/manifest.json".</param>
/// <param name="Sha256">Lower-case hex.</param>
/// <param name="Path">Where it lies on the machine that started the run; used as it is by workers that find the same bytes there.</param>
public sealed record JobFile(string Name, string Sha256, long Bytes, string Path);

/// <summary>Makes the replica that a worker drives. Host gives the cluster the real one; tests give one of a few floats.</summary>
public interface IReplicaFactory
{
    /// <param name="files">Local path of each of the job's files, by name. All of a folder's files lie in one local folder under their own names.</param>
    /// <param name="memory">Where buffers that take part in collectives are allocated.</param>
    /// <exception cref="InvalidDataException">The files do not make a replica; the message says which and why.</exception>
    Task<IReplica> CreateAsync(Job job, IReadOnlyDictionary<string, string> files, IBufferProvider memory, CancellationToken cancellation);
}
