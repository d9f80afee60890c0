using System.Collections.Immutable;

namespace Orchestrator.Core;

/// <summary>
/// What a worker drives: one rank's policy, reference and optimizer. It is called by one caller, one call at a time; the work itself runs on
/// the replica's own device thread, never on the thread pool. Cancelling a call leaves the replica as it was before the call.
/// </summary>
public interface IReplica : IAsyncDisposable
{
    /// <summary>Optimizer updates applied so far: the number of the next step.</summary>
    long AppliedStep { get; }

    /// <summary>
    /// Digest of (initial weights, every gradient applied and every update of the reference since): equal on two replicas exactly when they hold the same bytes.
    /// </summary>
    ulong StateDigest { get; }

    /// <summary>What its numbers come from (library, processor, threads): replicas of which this differs may differ in the last bits. "" where it does not say.</summary>
    string Compute => "";

    /// <summary>
    /// Does once, and forgets, the kind of work that a step is, so that others need not wait while this replica's first step compiles code and
    /// loads libraries. Changes nothing that a step depends on.
    /// </summary>
    Task WarmUpAsync(CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>
    /// Forward and backward over this rank's leaves of step <c>work.Id.Step</c> (which must be <see cref="AppliedStep"/>), reduction over all ranks,
    /// and staging of the result: nothing is applied. Node sums stay until the step is applied or another step begins, so a retry of the same
    /// step recomputes only leaves that are new to this rank.
    /// </summary>
    /// <exception cref="CollectiveException">A peer failed; the replica is unchanged and ready for the next attempt.</exception>
    Task<StagedStep> ComputeAsync(StepWork work, IGradientExchange exchange, CancellationToken cancellation);

    /// <summary>Clips and applies the gradient staged under exactly this id; then AppliedStep is id.Step + 1.</summary>
    /// <exception cref="InvalidOperationException">Nothing is staged under this id.</exception>
    Task ApplyAsync(StepId id, CancellationToken cancellation);

    /// <summary>Forward only, over leaves of the evaluation data (<paramref name="split"/> names the set), with the weights as they are.</summary>
    Task<IReadOnlyList<LeafSums>> EvaluateAsync(string split, ImmutableArray<LeafRange> leaves, CancellationToken cancellation);

    /// <summary>
    /// Policy and reference answer the prompts of some rows, as the job's <see cref="SamplingPlan"/> says, each row by itself: its answers depend on the
    /// weights alone.
    /// </summary>
    Task<IReadOnlyList<PromptSample>> SampleAsync(string split, ImmutableArray<int> rows, CancellationToken cancellation);

    /// <summary>
    /// Writes what a resume needs and what a Hugging Face user loads into <paramref name="directory"/>: beside, synced, renamed.
    /// </summary>
    /// <returns>SHA-256 of the weights file(s), lower-case hex, as the manifest records it.</returns>
    Task<string> SaveAsync(string directory, long term, CancellationToken cancellation);

    /// <summary>Host buffers (weights, optimizer state) for streaming to and from another replica; the same names and lengths on every replica of a run.</summary>
    ImmutableArray<(string Name, FloatBuffer Buffer)> State { get; }

    /// <summary>Brings <see cref="State"/> up to date with the device. Its bytes stay as they are until the next <see cref="ApplyAsync"/> or <see cref="AdoptAsync"/>.</summary>
    Task RefreshStateAsync(CancellationToken cancellation);

    /// <summary>Takes over state that was received into <see cref="State"/>'s buffers from a peer at <paramref name="appliedStep"/>.</summary>
    Task AdoptAsync(long appliedStep, ulong stateDigest, CancellationToken cancellation);
}

/// <summary>One attempt at one step, as one rank sees it.</summary>
/// <param name="Leaves">Leaves of the whole step.</param>
/// <param name="Deal">Who computes which leaves.</param>
/// <param name="Rank">This rank in the deal.</param>
public sealed record StepWork(StepId Id, int Leaves, Deal Deal, int Rank);

/// <summary>What a rank votes with: the reduced gradient is staged, and this is known of it.</summary>
/// <param name="GradientDigest">XXH3-64 of the reduced gradient's bytes; equal on all ranks or something is broken.</param>
/// <param name="Finite">False: a NaN or infinity stands in the reduced gradient.</param>
/// <param name="BadLeaves">Leaves of this rank whose own gradient was not finite.</param>
/// <param name="GradientNorm">Global norm before clipping, of the sum already divided by the step's pairs.</param>
/// <param name="LearningRate">Rate this step will use.</param>
/// <param name="Sums">Metrics of this rank's leaves, in order.</param>
/// <param name="StateDigest">The replica's digest before this step.</param>
public sealed record StagedStep(
    StepId Id,
    ulong GradientDigest,
    bool Finite,
    ImmutableArray<int> BadLeaves,
    double GradientNorm,
    double LearningRate,
    ImmutableArray<LeafSums> Sums,
    ulong StateDigest);

/// <summary>The all-reduce of one step, as the replica sees it. Implemented by the data plane.</summary>
public interface IGradientExchange
{
    /// <summary>
    /// Adds the nodes of all ranks along the canonical tree and gives every rank the same bytes in <paramref name="result"/>. Collective:
    /// all ranks call it with the same buckets in the same order; several buckets may be under way at once.
    /// </summary>
    /// <param name="bucket">Number of the bucket within the step, from 0.</param>
    /// <param name="tree">The step's leaves.</param>
    /// <param name="nodes">Every rank's whole nodes, as <see cref="CanonicalTree.WholeNodes"/> gives them for its leaves.</param>
    /// <param name="mine">This rank's node sums, in the order of <c>nodes[rank]</c>; all of the result's length; left unchanged.</param>
    /// <param name="result">Receives the sum; shares no memory with <paramref name="mine"/>.</param>
    /// <exception cref="CollectiveException">A peer failed or made no progress within the deadline; names the peer.</exception>
    Task AllReduceAsync(
        StepId id,
        int bucket,
        CanonicalTree tree,
        IReadOnlyList<ImmutableArray<TreeNode>> nodes,
        IReadOnlyList<FloatBuffer> mine,
        FloatBuffer result,
        CancellationToken cancellation);

    /// <summary>Up to the first of these calls this rank has worked on its own part of a step; from then on it also waits for others.</summary>
    void OwnPartDone()
    {
    }
}

/// <summary>A collective ended without a result: who, where, and what was missing.</summary>
public sealed class CollectiveException : Exception
{
    public CollectiveException()
    {
    }

    public CollectiveException(string message)
        : base(message)
    {
    }

    public CollectiveException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>The rank suspected of the failure; null where it is this one's own fault or unknown.</summary>
    public int? Suspect { get; init; }

    /// <summary>Phase of the collective: connect, reduce-scatter, all-gather, barrier, transfer.</summary>
    public string Phase { get; init; } = "";

    public int Bucket { get; init; }

    public long BytesMissing { get; init; }
}
