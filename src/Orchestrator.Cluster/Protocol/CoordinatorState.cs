using System.Collections.Immutable;
using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>What the coordinator is about.</summary>
public enum Stage
{
    /// <summary>Finding out who is there: at the start, after a hand-over, and when the last worker was lost.</summary>
    Gathering,

    /// <summary>A new generation meets.</summary>
    Forming,

    Computing,

    Evaluating,

    Saving,

    /// <summary>Goodbyes are said.</summary>
    Ending,

    Ended,
}

/// <summary>All a coordinator knows.</summary>
public sealed record CoordinatorState
{
    public required string Id { get; init; }

    public Stage Stage { get; init; }

    /// <summary>Since when.</summary>
    public TimeSpan StageSince { get; init; }

    public long Term { get; init; }

    public int Generation { get; init; }

    /// <summary>By id. A worker that was dropped stays, fenced, until its node has gone.</summary>
    public ImmutableSortedDictionary<string, WorkerView> Workers { get; init; } = ImmutableSortedDictionary.Create<string, WorkerView>(StringComparer.Ordinal);

    /// <summary>Ids in rank order; empty before the first generation.</summary>
    public ImmutableArray<string> Members { get; init; } = [];

    /// <summary>Members that have met in this generation, with their state's digest.</summary>
    public ImmutableSortedDictionary<string, ulong> Met { get; init; } = ImmutableSortedDictionary.Create<string, ulong>(StringComparer.Ordinal);

    /// <summary>Steps committed; the number of the step in hand.</summary>
    public long Step { get; init; }

    public CommittedStep? Committed { get; init; }

    /// <summary>Digest of every member's state at <see cref="Step"/>; null until the first of them has said it.</summary>
    public ulong? Digest { get; init; }

    /// <summary>The step in hand; null between steps.</summary>
    public StepTry? Try { get; init; }

    /// <summary>Shares of leaves by rank that the last step was dealt with; empty after a change of membership.</summary>
    public ImmutableArray<int> Shares { get; init; } = [];

    public Trouble? Trouble { get; init; }

    /// <summary>What led to the generation that is being formed, or that has to be before the next step.</summary>
    public Change? Change { get; init; }

    public Transfer? Transfer { get; init; }

    public Evaluation? Evaluation { get; init; }

    /// <summary>The reference's pass over the data is done.</summary>
    public bool ReferenceIsKnown { get; init; }

    /// <summary>What evaluations have shown so far.</summary>
    public EvaluationHistory Seen { get; init; } = EvaluationHistory.Empty;

    public Saving? Saving { get; init; }

    /// <summary>Step of the last checkpoint that was tried, and of the last one that was written.</summary>
    public long SaveTried { get; init; } = -1;

    public TimeSpan LastSave { get; init; }

    public string? Checkpoint { get; init; }

    public string? WeightsSha256 { get; init; }

    /// <summary>Why and how the run shall end before its last step; null where nothing speaks against going on.</summary>
    public (RunEnd End, string Reason)? EndEarly { get; init; }

    public RunOutcome? Outcome { get; init; }

    /// <summary>The last worker was lost: why, and what the run waits for.</summary>
    public string? Lost { get; init; }

    public RunPhase? Phase { get; init; }

    /// <summary>The last changes of membership, newest last.</summary>
    public ImmutableList<string> Recoveries { get; init; } = [];

    /// <summary>Nothing is in hand, nobody is in: to be found out anew.</summary>
    public CoordinatorState Regather() => this with
    {
        Members = [],
        Met = Met.Clear(),
        Trouble = null,
        Change = null,
        Try = null,
        Transfer = null,
        Evaluation = null,
        Saving = null,
        Lost = null,
    };

    public static CoordinatorState Start(string id, RunRules rules, TimeSpan now)
    {
        ArgumentNullException.ThrowIfNull(rules);
        return new CoordinatorState
        {
            Id = id,
            Term = rules.FirstTerm,
            Step = rules.StartStep,
            StageSince = now,
            LastSave = now,
            SaveTried = rules.StartStep,
            Seen = rules.Seen,
            EndEarly = rules.Seen.WhyStop(rules.Selection) is { } why ? (RunEnd.Completed, why) : null,
        };
    }
}

/// <summary>The last step that was decided, and the gradient that was: who has staged other bytes under the same name must not apply them.</summary>
public readonly record struct CommittedStep(StepId Id, ulong Gradient)
{
    public Messages.Committed ToMessage() => new() { Id = Id, Gradient = Gradient };
}

/// <summary>A worker as the coordinator sees it.</summary>
/// <param name="Last">Its newest report; null until it has answered in this term.</param>
/// <param name="Heard">When it last answered anything.</param>
/// <param name="Dropped">Why it has no part in the run any more; null where it has.</param>
/// <param name="Pace">Seconds it takes for a leaf; null until measured.</param>
/// <param name="Vote">Of an older term, sent again.</param>
/// <param name="Gone">Its node is not in the cluster any more.</param>
public sealed record WorkerView(
    TimeSpan Heard, Here? Last = null, string? Dropped = null, Pace? Pace = null, Prepared? Vote = null, int FailedTransfers = 0, int Strikes = 0, bool Gone = false)
{
    /// <summary>Since when, and why, it is doubted that it lives; null where it is not.</summary>
    public (TimeSpan Since, string Why)? Doubt { get; init; }

    /// <summary>Of an older term, on what it has applied.</summary>
    public Prepared? AppliedVote { get; init; }

    public string Name => Last?.Name ?? "";

    /// <summary>Can be given work.</summary>
    public bool IsReady => Last is { Ready: true, Leaving: "", Failed: "" } && Dropped is null;

    public bool IsLeaving => Last is { Leaving: not "" } && Dropped is null;
}

/// <param name="Samples">How often it was measured.</param>
public sealed record Pace(double SecondsPerLeaf, int Samples);

/// <summary>The step in hand.</summary>
/// <param name="Owners">By leaf, the worker it is dealt to: who holds its sums, as long as that worker lives.</param>
/// <param name="Since">When the step was first dealt.</param>
/// <param name="BadTries">How often its gradient was not finite.</param>
public sealed record StepTry(StepId Id, ImmutableArray<string> Owners, TimeSpan Since, int BadTries = 0)
{
    public ComputeStep? Deal { get; init; }

    public ImmutableSortedDictionary<string, Prepared> Votes { get; init; } = ImmutableSortedDictionary.Create<string, Prepared>(StringComparer.Ordinal);
}

/// <summary>Somebody is suspected of being lost; for a short while other reports and signs of life are gathered.</summary>
public sealed record Trouble(TimeSpan Since, TimeSpan Until, ImmutableList<Blame> Blames);

/// <param name="Certain">There is no doubt: gone, silent for too long, or says so itself.</param>
public sealed record Blame(string Suspect, string By, string Reason, bool Certain);

/// <param name="Since">First sign of it.</param>
public sealed record Change(string What, TimeSpan Since)
{
    /// <summary>What happens on top of a change that is not complete yet is one change.</summary>
    public static Change Join(Change? earlier, string what, TimeSpan since) =>
        earlier is null ? new Change(what, since) : earlier.What.EndsWith(what, StringComparison.Ordinal) ? earlier : new Change($"{earlier.What}; {what}", earlier.Since);
}

/// <summary>State on its way from a member to workers that join.</summary>
/// <param name="Offered">null until the source offers.</param>
/// <param name="Joiners">By id: null while under way, "" when it has taken the state over, else why it has not.</param>
public sealed record Transfer(long Step, string Source, StateOffered? Offered, ImmutableSortedDictionary<string, string?> Joiners, TimeSpan Since)
{
    public bool IsOver => Joiners.Values.All(result => result is not null);
}

/// <summary>An evaluation under way.</summary>
/// <param name="Set">Index of the set.</param>
/// <param name="Pending">Runs of leaves that nobody computes yet.</param>
/// <param name="Outstanding">By worker.</param>
/// <param name="Sums">By leaf.</param>
/// <param name="Value">Of the metric that checkpoints are compared by; null while its set is not done.</param>
public sealed record Evaluation(
    long Step,
    int Set,
    ImmutableList<LeafRange> Pending,
    ImmutableSortedDictionary<string, LeafRange> Outstanding,
    ImmutableSortedDictionary<int, Core.LeafSums> Sums,
    TimeSpan Since,
    double? Value = null)
{
    /// <summary>The set's pairs are done; <see cref="Pending"/> and <see cref="Outstanding"/> are now rows whose prompts are answered.</summary>
    public bool Sampling { get; init; }

    /// <summary>By row; null where it could not be had.</summary>
    public ImmutableSortedDictionary<int, Core.PromptSample?> Samples { get; init; } = ImmutableSortedDictionary<int, Core.PromptSample?>.Empty;
}

/// <summary>A checkpoint under way.</summary>
/// <param name="Fetching">The worker has written it; it is being downloaded.</param>
public sealed record Saving(long Step, string Worker, string Directory, bool Ship, TimeSpan Since, Saved? Fetching = null);
