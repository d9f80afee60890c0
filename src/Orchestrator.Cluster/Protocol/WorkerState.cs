using System.Collections.Immutable;
using Google.Protobuf;
using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>What the worker's decisions depend on besides state and input.</summary>
public sealed record WorkerRules
{
    public required string Name { get; init; }

    /// <summary>Of its data plane, as <see cref="Collectives.Endpoint"/> writes it.</summary>
    public required string Endpoint { get; init; }

    public string Token { get; init; } = "";

    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(20);

    public Deadlines Deadlines { get; init; } = new();
}

/// <summary>All a worker knows.</summary>
public sealed record WorkerState
{
    /// <summary>The newest term it has seen, and who claimed it.</summary>
    public long Term { get; init; }

    public string Coordinator { get; init; } = "";

    public TimeSpan LastHeard { get; init; }

    /// <summary>"" while there is no replica.</summary>
    public string RunId { get; init; } = "";

    public bool Ready { get; init; }

    /// <summary>What the replica's numbers come from.</summary>
    public string Compute { get; init; } = "";

    /// <summary>-1 while the replica's state is being replaced, and if that failed.</summary>
    public long Applied { get; init; }

    public ulong StateDigest { get; init; }

    public StepId? AppliedId { get; init; }

    public ulong AppliedGradient { get; init; }

    /// <summary>The vote on what it applied last, for a coordinator that takes over: whoever decided it may not have told anybody.</summary>
    public Prepared? AppliedVote { get; init; }

    /// <summary>The vote on the gradient that is staged; null where nothing is.</summary>
    public Prepared? Staged { get; init; }

    /// <summary>The deal it last computed by.</summary>
    public ComputeStep? Dealt { get; init; }

    /// <summary>What evaluations have shown, as the last deal or the state taken over says; null before either.</summary>
    public Seen? Seen { get; init; }

    /// <summary>The newest generation that it was told to form, met or not.</summary>
    public (long Term, int Generation) Told { get; init; }

    /// <summary>The generation that it has met: its collectives work.</summary>
    public (long Term, int Generation) Group { get; init; }

    /// <summary>What the replica, or the group, is doing: one thing at a time.</summary>
    public WorkerWork? Running { get; init; }

    public bool Cancelled { get; init; }

    /// <summary>Its own leaves of the running step are done.</summary>
    public bool Reducing { get; init; }

    /// <summary>Commands to come, oldest first; at most one of a kind.</summary>
    public ImmutableList<IMessage> Waiting { get; init; } = [];

    /// <summary>The last command of each kind that was answered, and the answer: a repeated command gets it again.</summary>
    public ImmutableDictionary<Type, (IMessage Command, IMessage Answer)> Answered { get; init; } = ImmutableDictionary<Type, (IMessage, IMessage)>.Empty;

    public string Leaving { get; init; } = "";

    public TimeSpan? LeaveBy { get; init; }

    public string Failed { get; init; } = "";

    public bool Ended { get; init; }

    public static WorkerState Start(TimeSpan now) => new() { LastHeard = now };

    /// <summary>A worker that joins again, as a new one, with the replica it had.</summary>
    public WorkerState Rejoin(TimeSpan now) => new()
    {
        Term = Term,
        Coordinator = Coordinator,
        LastHeard = now,
        RunId = RunId,
        Ready = Ready,
        Applied = Applied,
        StateDigest = StateDigest,
        AppliedId = AppliedId,
        AppliedGradient = AppliedGradient,
        AppliedVote = AppliedVote,
        Compute = Compute,
        Staged = Staged,
        Dealt = Dealt,
        Seen = Seen,
        Told = Told,
    };
}
