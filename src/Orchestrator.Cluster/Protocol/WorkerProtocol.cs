using System.Collections.Immutable;
using Google.Protobuf;
using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>
/// A worker's decisions. It follows the newest term it has seen, does one piece of work at a time, and answers for it.
/// <code>
/// no replica --TakeJob--> loading --> idle --FormGroup--> meeting --> idle
/// idle --ComputeStep--> computing --Prepared--> staged --Commit (or any command that names the step as committed)--> applying --> idle
/// computing --Abort, FormGroup or a newer ComputeStep--> cancelled --> idle;     staged --newer ComputeStep--> computing
/// </code>
/// See <see cref="Decision{TState, TEffect}"/> for how to drive it.
/// </summary>
public static class WorkerProtocol
{
    /// <summary>What to do about <paramref name="input"/>, and why.</summary>
    public static Decision<WorkerState, WorkerEffect> Decide(WorkerState state, WorkerInput input, TimeSpan now, WorkerRules rules)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(rules);
        if (state.Ended)
        {
            return new(state, [], "");
        }

        var turn = new WorkerTurn(state, now, rules);
        switch (input)
        {
            case CommandHeard heard:
                WorkerCommands.Hear(turn, heard.From, heard.Command);
                break;
            case WorkEnded ended:
                WorkerResults.Take(turn, ended.Work, ended.Result);
                break;
            case LeavesDone done when state.Running is ComputeLeaves running && running.Command.Id == done.Id:
                turn.State = state with { Reducing = true };
                break;
            case LeaveRequested leave:
                Leave(turn, leave.Reason);
                break;
            case WorkerTick:
                Tick(turn);
                break;
        }

        WorkerCommands.Pump(turn);
        return turn.ToDecision();
    }

    private static void Leave(WorkerTurn turn, string reason)
    {
        if (turn.State.Coordinator.Length == 0 || !turn.State.Ready)
        {
            turn.End(WorkerEnd.Left, reason);
            return;
        }

        turn.State = turn.State with { Leaving = reason, LeaveBy = turn.Now + turn.Rules.Grace };
        turn.ReportHere();
    }

    private static void Tick(WorkerTurn turn)
    {
        var state = turn.State;
        if (state.LeaveBy is { } by && turn.Now >= by)
        {
            turn.End(WorkerEnd.Left, $"{state.Leaving}; the run did not let it go within {turn.Rules.Grace.TotalSeconds:0.#} s");
        }
        else if (turn.Now - state.LastHeard > turn.Rules.Deadlines.Orphan)
        {
            var whom = state.Coordinator.Length == 0 ? "No coordinator has spoken" : $"The coordinator ({state.Coordinator}) has been silent";
            turn.End(WorkerEnd.Orphaned, $"{whom} for {(turn.Now - state.LastHeard).TotalSeconds:0} s. Its last checkpoint resumes the run.");
        }
    }
}

/// <summary>One decision in the making.</summary>
internal sealed class WorkerTurn(WorkerState state, TimeSpan now, WorkerRules rules)
{
    /// <summary>What a worker does when its own leaves are done and the step is not.</summary>
    public const string Reducing = "reducing";

    private readonly ImmutableArray<WorkerEffect>.Builder _effects = ImmutableArray.CreateBuilder<WorkerEffect>();
    private string _why = "";

    public WorkerState State { get; set; } = state;

    public TimeSpan Now => now;

    public WorkerRules Rules => rules;

    public void Do(WorkerEffect effect) => _effects.Add(effect);

    public void Reply(IMessage message) => Do(new Reply(State.Coordinator, message));

    public void ReportHere() => Reply(Here());

    public void Because(string why) => _why = why;

    public void Begin(WorkerWork work)
    {
        State = State with { Running = work, Cancelled = false, Reducing = false };
        Do(new BeginWork(work));
    }

    public void Cancel()
    {
        if (State is { Running: not null, Cancelled: false })
        {
            State = State with { Cancelled = true };
            Do(new CancelWork());
        }
    }

    public void End(WorkerEnd end, string reason, bool rejoin = false)
    {
        Cancel();
        State = State with { Ended = true, Waiting = [], Failed = end == WorkerEnd.Failed ? reason : "" };
        if (State.Coordinator.Length > 0)
        {
            var last = Here();
            last.Gone = true;
            Reply(last);
        }

        Because(reason);
        Do(new EndWorker(end, reason, rejoin));
    }

    public Here Here()
    {
        var s = State;
        var here = new Here
        {
            Term = s.Term,
            Coordinator = s.Coordinator,
            Token = rules.Token,
            Name = rules.Name,
            Endpoint = rules.Endpoint,
            RunId = s.RunId,
            Ready = s.Ready,
            Compute = s.Compute,
            Applied = s.Applied,
            StateDigest = s.StateDigest,
            AppliedId = s.AppliedId is { } id ? id : null,
            AppliedGradient = s.AppliedGradient,
            Staged = s.Staged?.Id,
            StagedGradient = s.Staged?.GradientDigest ?? 0,
            GroupTerm = s.Told.Term,
            GroupGeneration = s.Told.Generation,
            Doing = s.Running is null ? s.Staged is null ? "idle" : "staged" : s.Reducing ? Reducing : Word(s.Running),
            Leaving = s.Leaving,
            Failed = s.Failed,
            Seen = s.Seen,
        };
        if (s.Dealt is { } dealt)
        {
            (here.DealtStep, here.Dealt) = (dealt.Id.Step, Leaves.Of(dealt.OwnRanges()));
        }

        return here;
    }

    public Decision<WorkerState, WorkerEffect> ToDecision() => new(State, _effects.ToImmutable(), _why);

    private static string Word(WorkerWork work) => work switch
    {
        PrepareJob => "loading",
        MeetGroup => "meeting",
        ComputeLeaves => "computing",
        ApplyStaged => "committing",
        EvaluateLeaves => "evaluating",
        SaveState => "saving",
        OfferOwnState => "offering state",
        AdoptState => "taking state",
        _ => "working",
    };
}
