using Orchestrator.Training.Objectives;
using Orchestrator.Training.Optimizers;

namespace Orchestrator.Training;

/// <summary>How the gradients of a step's leaves are added.</summary>
public enum Reduction
{
    /// <summary>Along the canonical tree: the same bits for any number of workers, at the price of up to log2(leaves) + 1 gradient buffers.</summary>
    Canonical,

    /// <summary>As they come, in one buffer: the same bits for the same layout only.</summary>
    Sequential,
}

/// <summary>Where the reference's log-probabilities come from.</summary>
public enum ReferenceMode
{
    /// <summary>As <see cref="Precompute"/> where a pair is visited more than once, else live.</summary>
    Auto,

    /// <summary>Computed with the policy's, in every step.</summary>
    Live,

    /// <summary>Computed once for every row before the first step, each row by itself; then the reference leaves memory.</summary>
    Precompute,
}

/// <summary>What a replica is told beyond the job. Checked by <see cref="Check"/> before anything is loaded.</summary>
public sealed record ReplicaOptions
{
    /// <summary>As libtorch names it: cpu, cuda:0.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Threads of one CPU operation; null leaves libtorch's own choice.</summary>
    public int? Threads { get; init; }

    public ObjectiveOptions Objective { get; init; } = new();

    public OptimizerOptions Optimizer { get; init; } = new();

    public ScheduleOptions Schedule { get; init; } = new();

    /// <summary>Gradients longer than this are scaled down to it; null or 0: never. The paper's code has 10.</summary>
    public double? MaxGradNorm { get; init; } = 10;

    public Reduction Reduction { get; init; } = Reduction.Canonical;

    public ReferenceMode Reference { get; init; } = ReferenceMode.Auto;

    /// <summary>Null: the reference stays as it is.</summary>
    public ReferenceUpdateOptions? ReferenceUpdate { get; init; }

    /// <summary>Folder in which remembered values of the reference stay for other workers and later runs; null: they stay in this process.</summary>
    public string? ReferenceCache { get; init; }

    /// <summary>Null: all weights are trained, unless the job brings an adapter to go on with.</summary>
    public LoraOptions? Lora { get; init; }

    /// <summary>Tokens of prompt and completion at most, as the data was prepared; null: no limit.</summary>
    public int? MaxLength { get; init; } = 512;

    /// <summary>Rows whose logits are in memory at once; usually 64 to 1024.</summary>
    public int LogprobChunk { get; init; } = 256;

    /// <summary>Bytes of softmax rows that are kept from forward to backward instead of being computed again; 0: none.</summary>
    public long LogprobKeepBytes { get; init; } = 256L << 20;

    /// <summary>Matrix products of policy and reference in bf16; weights, gradients, optimizer and all sums stay fp32.</summary>
    public bool Bf16 { get; init; }

    /// <summary>Blocks are computed again in backward instead of being kept: less memory, a third more work, the same gradients.</summary>
    public bool GradientCheckpointing { get; init; }

    /// <summary>Bytes of one all-reduce; several are under way at once.</summary>
    public int BucketBytes { get; init; } = 25 << 20;

    /// <exception cref="ArgumentException">A value is out of its range; the message names it.</exception>
    public void Check()
    {
        Optimizer.Check();
        Schedule.Check();
        Lora?.New?.Check();
        ReferenceUpdate?.Check();
        Require(
            ReferenceUpdate is null || Reference != ReferenceMode.Precompute,
            "reference_logps is precompute, and sync_ref_model changes the reference while it trains. Leave one of them out.");
        Require(
            ReferenceUpdate is null || Lora is null,
            "sync_ref_model mixes the policy's weights into the reference's, and with adapters both share their weights. Leave one of them out.");
        Require(Threads is null or >= 1, $"threads_per_worker is {Threads}; needed is 1 or more.");
        Require(MaxGradNorm is null or >= 0, $"max_grad_norm is {MaxGradNorm}; needed is 0 (off) or more.");
        Require(LogprobChunk >= 1, $"logprob_chunk is {LogprobChunk}; needed is 1 or more.");
        Require(LogprobKeepBytes >= 0, $"logprob_keep_mb is {LogprobKeepBytes >> 20}; needed is 0 or more.");
        Require(BucketBytes >= 4096, $"bucket_bytes is {BucketBytes}; needed is 4096 or more.");
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException(message);
        }
    }
}
