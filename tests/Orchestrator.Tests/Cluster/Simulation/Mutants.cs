using Google.Protobuf;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Protocol;
using CoordinatorDecision = Orchestrator.Cluster.Protocol.Decision<Orchestrator.Cluster.Protocol.CoordinatorState, Orchestrator.Cluster.Protocol.CoordinatorEffect>;
using WorkerDecision = Orchestrator.Cluster.Protocol.Decision<Orchestrator.Cluster.Protocol.WorkerState, Orchestrator.Cluster.Protocol.WorkerEffect>;

namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>A worker that obeys whoever speaks, of whatever term.</summary>
internal class DropsTheTermCheck : ProtocolUnderTest
{
    public override WorkerDecision Worker(WorkerState state, WorkerInput input, TimeSpan now, WorkerRules rules)
    {
        if (input is not CommandHeard heard || heard.Command is WhereAreYou || !Obeys(heard.Command) || state.Term == 0)
        {
            return base.Worker(state, input, now, rules);
        }

        var decision = base.Worker(state with { Term = CommandFacts.Term(heard.Command), Coordinator = heard.From }, input, now, rules);
        return decision with { State = decision.State with { Term = state.Term, Coordinator = state.Coordinator } };
    }

    protected virtual bool Obeys(IMessage command) => true;
}

/// <summary>A worker that lets an old coordinator commit, if nothing else.</summary>
internal sealed class AcceptsAnOldCoordinatorsCommit : DropsTheTermCheck
{
    protected override bool Obeys(IMessage command) => command is Commit;
}

/// <summary>A worker that follows whoever asked last.</summary>
internal sealed class GoesBackToAnOlderTerm : ProtocolUnderTest
{
    public override WorkerDecision Worker(WorkerState state, WorkerInput input, TimeSpan now, WorkerRules rules) =>
        base.Worker(input is CommandHeard { Command: WhereAreYou ask } && ask.Term < state.Term ? state with { Term = ask.Term - 1 } : state, input, now, rules);
}

/// <summary>A worker that computes for a generation which it has not met.</summary>
internal sealed class IgnoresTheGeneration : ProtocolUnderTest
{
    public override WorkerDecision Worker(WorkerState state, WorkerInput input, TimeSpan now, WorkerRules rules) => base.Worker(
        input is CommandHeard { Command: ComputeStep step } && state.Group != default && step.Id.Term == state.Term
            ? state with { Group = (step.Id.Term, step.Id.Generation), Dealt = null }
            : state,
        input, now, rules);
}

/// <summary>A worker that takes what is staged for staged still when it has applied it.</summary>
internal sealed class AppliesTwice : ProtocolUnderTest
{
    public override WorkerDecision Worker(WorkerState state, WorkerInput input, TimeSpan now, WorkerRules rules)
    {
        var decision = base.Worker(state, input, now, rules);
        return input is WorkEnded { Work: ApplyStaged } && decision.State.Running is null
            ? decision with { State = decision.State with { Staged = state.Staged, Applied = state.Applied } }
            : decision;
    }
}

/// <summary>A worker that applies whatever it has staged of the step that is named committed.</summary>
internal sealed class AppliesAnOlderAttempt : ProtocolUnderTest
{
    public override WorkerDecision Worker(WorkerState state, WorkerInput input, TimeSpan now, WorkerRules rules)
    {
        if (input is CommandHeard heard && state.Staged is { } vote && CommandFacts.Committed(heard.Command) is { } committed && committed.Id.Step == vote.Id.Step)
        {
            input = heard with { Command = Renamed(heard.Command, vote) };
        }

        return base.Worker(state, input, now, rules);
    }

    private static IMessage Renamed(IMessage command, Prepared vote)
    {
        var renamed = command.Descriptor.Parser.ParseFrom(command.ToByteString());
        (CommandFacts.Committed(renamed)!.Id, CommandFacts.Committed(renamed)!.Gradient) = (vote.Id, vote.GradientDigest);
        return renamed;
    }
}

/// <summary>A joiner that does not look whether what it received is what was sent.</summary>
internal sealed class AdoptsWithoutDigestCheck : ProtocolUnderTest
{
    public override bool VerifiesTransfers => false;
}

/// <summary>A new coordinator that begins with the first worker that answers, and gives those that are ahead its older state.</summary>
internal sealed class GivesCommittedStepsAway : ProtocolUnderTest
{
    public override CoordinatorDecision Coordinator(CoordinatorState state, CoordinatorInput input, TimeSpan now, RunRules rules)
    {
        if (state.Stage != Stage.Gathering)
        {
            var older = input is AnswerHeard { Message: Here here } heard && here.Applied > state.Step ? heard with { Message = new Here(here) { Applied = state.Step, StateDigest = 0 } } : input;
            return base.Coordinator(state, older, now, rules);
        }

        var decision = base.Coordinator(state with { StageSince = state.StageSince - rules.Deadlines.Takeover }, input, now, rules);
        return decision.State.Stage == Stage.Gathering ? decision with { State = decision.State with { StageSince = state.StageSince } } : decision;
    }

    public override WorkerDecision Worker(WorkerState state, WorkerInput input, TimeSpan now, WorkerRules rules) => base.Worker(
        input is CommandHeard { Command: FetchState } && state is { Running: null, Waiting.IsEmpty: true } ? state with { Applied = -1 } : state, input, now, rules);
}

/// <summary>A coordinator that commits when all but one have voted.</summary>
internal sealed class CommitsWithoutAllVotes : ProtocolUnderTest
{
    public override CoordinatorDecision Coordinator(CoordinatorState state, CoordinatorInput input, TimeSpan now, RunRules rules)
    {
        var decision = base.Coordinator(state, input, now, rules);
        if (input is AnswerHeard { Message: Prepared vote } && decision.State is { Try: { } step, Stage: Stage.Computing } && step.Votes.Count == decision.State.Members.Length - 1)
        {
            var missing = decision.State.Members.First(m => !step.Votes.ContainsKey(m));
            var forged = new Prepared(vote) { Sums = new Sums() };
            var next = base.Coordinator(decision.State, new AnswerHeard(missing, forged), now, rules);
            return next with { Effects = decision.Effects.AddRange(next.Effects) };
        }

        return decision;
    }
}

/// <summary>A coordinator that counts votes of earlier attempts.</summary>
internal sealed class CountsOldVotes : ProtocolUnderTest
{
    public override CoordinatorDecision Coordinator(CoordinatorState state, CoordinatorInput input, TimeSpan now, RunRules rules)
    {
        if (input is AnswerHeard { Message: Prepared vote } heard && state.Try is { } step && vote.Id.Step == step.Id.Step)
        {
            input = heard with { Message = new Prepared(vote) { Id = step.Id } };
        }

        return base.Coordinator(state, input, now, rules);
    }
}

/// <summary>A coordinator that takes all digests for equal.</summary>
internal sealed class SkipsTheDigestComparison : ProtocolUnderTest
{
    public override CoordinatorDecision Coordinator(CoordinatorState state, CoordinatorInput input, TimeSpan now, RunRules rules)
    {
        if (input is AnswerHeard { Message: Prepared vote } heard && state.Try is { Votes.Count: > 0 } step)
        {
            input = heard with { Message = new Prepared(vote) { GradientDigest = step.Votes.First().Value.GradientDigest } };
        }

        return base.Coordinator(state, input, now, rules);
    }
}

/// <summary>A coordinator that tries a step again under the name of the attempt before.</summary>
internal sealed class ReusesAnAttempt : ProtocolUnderTest
{
    public override CoordinatorDecision Coordinator(CoordinatorState state, CoordinatorInput input, TimeSpan now, RunRules rules)
    {
        var decision = base.Coordinator(state, input, now, rules);
        if (decision.State.Try is not { Deal: { } deal } again || state.Try is not { Deal: not null } before || again.Id == before.Id || again.Id.Step != before.Id.Step)
        {
            return decision;
        }

        var id = again.Id with { Attempt = before.Id.Attempt };
        var effects = decision.Effects.Select(e => e is Send { Message: ComputeStep step } send ? send with { Message = new ComputeStep(step) { Id = id } } : e);
        return decision with { State = decision.State with { Try = again with { Id = id, Deal = new ComputeStep(deal) { Id = id } } }, Effects = [.. effects] };
    }
}

/// <summary>A coordinator whose deals are changed on the way.</summary>
internal abstract class DealsOtherwise : ProtocolUnderTest
{
    public override CoordinatorDecision Coordinator(CoordinatorState state, CoordinatorInput input, TimeSpan now, RunRules rules)
    {
        var decision = base.Coordinator(state, input, now, rules);
        return decision with { Effects = [.. decision.Effects.Select(e => e is Send { Message: ComputeStep step } send ? send with { Message = Changed(step) } : e)] };
    }

    protected abstract void Change(ComputeStep step);

    private ComputeStep Changed(ComputeStep step)
    {
        var changed = step.Clone();
        Change(changed);
        return changed;
    }
}

/// <summary>When a step is tried again, the leaves of who was lost are given to somebody, and still counted where they were.</summary>
internal sealed class DealsTwice : DealsOtherwise
{
    protected override void Change(ComputeStep step)
    {
        var ranks = step.ToDeal().Ranks;
        if (step.Id.Attempt > 0 && ranks is [[var first, ..], var second, ..])
        {
            step.PackedDeal = ComputeStep.Pack(new Orchestrator.Core.Deal(ranks.SetItem(1, second.Add(first))));
        }
    }
}

/// <summary>When a step is tried again, nobody computes the leaves of who was lost.</summary>
internal sealed class ForgetsLostLeaves : DealsOtherwise
{
    protected override void Change(ComputeStep step)
    {
        var ranks = step.ToDeal().Ranks;
        if (step.Id.Attempt > 0 && ranks is [.., [.., _] last])
        {
            step.PackedDeal = ComputeStep.Pack(new Orchestrator.Core.Deal(ranks.SetItem(ranks.Length - 1, last.RemoveAt(last.Length - 1))));
        }
    }
}

/// <summary>A coordinator that keeps to itself what evaluations showed: whoever takes over begins to count anew.</summary>
internal sealed class KeepsEvaluationsToItself : DealsOtherwise
{
    protected override void Change(ComputeStep step) => step.Seen = null;
}
