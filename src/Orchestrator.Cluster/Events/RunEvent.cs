using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Cluster;

/// <summary>
/// Something that happened in a run, for whoever shows or records it. Observers are called by one thread at a time, in order, off the
/// actors; a slow observer delays later events, not the run.
/// </summary>
public abstract record RunEvent
{
    public DateTimeOffset Time { get; init; }
}

/// <summary>Told every event of a run.</summary>
public interface IRunObserver
{
    void On(RunEvent happened);
}

/// <summary>The control plane listens: workers may join there.</summary>
/// <param name="Control">host:port.</param>
/// <param name="Data">host:port from which workers download.</param>
public sealed record Listening(string Control, string Data) : RunEvent;

/// <summary>What the run is doing.</summary>
public enum RunPhase
{
    /// <summary>Waiting until enough workers have joined and loaded.</summary>
    Gathering,

    Training,

    Evaluating,

    Saving,

    /// <summary>No more steps: last checkpoint, goodbyes.</summary>
    Ending,
}

/// <param name="Detail">One sentence for people: "2 of 4 workers are ready".</param>
public sealed record PhaseChanged(RunPhase Phase, string Detail) : RunEvent;

/// <summary>A step is decided: every worker applies it, or takes the state of one that did.</summary>
/// <param name="Step">Steps committed, this one included: 1 after the first.</param>
/// <param name="Steps">Steps of the whole run.</param>
/// <param name="Metrics">Sums over all pairs of the step; grad_norm, learning_rate and epoch stand at the end as counters.</param>
/// <param name="Pairs">Pairs of the step.</param>
/// <param name="Seconds">Since the step was dealt, all attempts included.</param>
/// <param name="Workers">Workers in the generation that committed it.</param>
/// <param name="Skipped">Its gradient was not finite and was left out.</param>
public sealed record StepCommitted(
    long Step, long Steps, StepId Id, ImmutableArray<MetricSum> Metrics, int Pairs, double Seconds, int Workers, bool Skipped) : RunEvent
{
    /// <summary>Decided by an earlier coordinator, which may or may not have told it: who records steps keeps one line for each.</summary>
    public bool Retold { get; init; }

    public double PairsPerSecond => Seconds > 0 ? Pairs / Seconds : 0;
}

/// <param name="Step">Steps committed when the set was evaluated.</param>
/// <param name="Set">Name of the evaluation set.</param>
public sealed record Evaluated(long Step, string Set, ImmutableArray<MetricSum> Metrics, double Seconds) : RunEvent;

/// <summary>The reference's log-probabilities are known of all rows that the run visits.</summary>
public sealed record ReferencePassed(int Rows, double Seconds) : RunEvent;

/// <param name="Step">Steps committed when the prompts were answered.</param>
/// <param name="Set">Name of the evaluation set.</param>
/// <param name="Samples">In order of rows.</param>
public sealed record Sampled(long Step, string Set, ImmutableArray<PromptSample> Samples, double Seconds) : RunEvent;

/// <param name="WeightsSha256">As the checkpoint's manifest records it.</param>
public sealed record CheckpointWritten(long Step, long Term, string Directory, string WeightsSha256, double Seconds) : RunEvent;

/// <summary>The checkpoint that is written at this moment is the best so far.</summary>
/// <param name="Set">Name of the evaluation set.</param>
/// <param name="Metric">As the set's metrics name it.</param>
public sealed record BestCheckpoint(long Step, string Set, string Metric, double Value, string Directory) : RunEvent;

/// <summary>The run goes on without this checkpoint; the last good one stays.</summary>
public sealed record CheckpointFailed(long Step, string Directory, string Reason) : RunEvent;

/// <summary>Workers came, left or were lost.</summary>
/// <param name="What">One sentence: who, how, why.</param>
/// <param name="Generation">The membership from now on.</param>
/// <param name="Seconds">What it cost: from the first sign until the new generation stood.</param>
/// <param name="RecomputedLeaves">Leaves that somebody else had computed, or would have, and that were dealt anew.</param>
/// <param name="Members">Names of who is in now, in rank order.</param>
public sealed record MembershipChanged(
    string What, long Term, int Generation, long Step, double Seconds, int RecomputedLeaves, ImmutableArray<string> Members) : RunEvent;

/// <summary>From now on the leaves are shared out otherwise: somebody is slower or faster than thought.</summary>
/// <param name="Leaves">Leaves by worker, in rank order.</param>
/// <param name="Why">One sentence with the measured seconds.</param>
public sealed record DealChanged(long Step, ImmutableArray<int> Leaves, string Why) : RunEvent;

/// <summary>Something a person should know that did not stop the run.</summary>
public sealed record Warning(string Message) : RunEvent;

/// <summary>The last event of a run.</summary>
public sealed record RunEnded(RunOutcome Outcome) : RunEvent;

/// <summary>How a run ended.</summary>
public enum RunEnd
{
    /// <summary>All steps are committed, or it was stopped early because nothing got better.</summary>
    Completed,

    /// <summary>It was asked to stop; it can be resumed.</summary>
    Stopped,

    /// <summary>Another control node coordinates the run now.</summary>
    HandedOver,

    /// <summary>This control node was cut off from the others, or stopped for long: it has no say any more, and may come back as one that stands by.</summary>
    Fenced,

    Failed,
}

/// <param name="Reason">One sentence for people.</param>
/// <param name="Step">Steps committed.</param>
/// <param name="Checkpoint">The newest checkpoint this coordinator has written; null if none.</param>
/// <param name="WeightsSha256">Of that checkpoint.</param>
public sealed record RunOutcome(RunEnd End, string Reason, long Step, string? Checkpoint, string? WeightsSha256);
