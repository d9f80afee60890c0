using System.Collections.Immutable;
using Google.Protobuf;
using Orchestrator.Cluster;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Protocol;

namespace Orchestrator.Tests.Cluster.Protocol;

/// <summary>A worker's decisions one by one: fencing, repetition, commit before anything else.</summary>
public sealed class WorkerProtocolTests
{
    private static readonly WorkerRules Rules = new() { Name = "w", Endpoint = "w:1|h|1" };

    private WorkerState _state = WorkerState.Start(TimeSpan.Zero) with { Ready = true, RunId = "r", Term = 3, Coordinator = "new", Group = (3, 5), Told = (3, 5) };

    [Fact]
    public void A_command_of_an_older_term_is_answered_with_what_the_worker_has_seen_and_does_nothing()
    {
        var reply = Assert.IsType<Reply>(Assert.Single(Hear("old", Step(term: 2, attempt: 0))));
        Assert.Equal(("old", 3L), (reply.To, Assert.IsType<Here>(reply.Message).Term));
        Assert.Null(_state.Running);
    }

    [Fact]
    public void Of_two_claimants_of_one_term_the_first_is_followed()
    {
        Hear("second", new WhereAreYou { Term = 3, RunId = "r" });
        Assert.Equal("new", _state.Coordinator);
        Hear("second", new WhereAreYou { Term = 4, RunId = "r" });
        Assert.Equal("second", _state.Coordinator);
        Assert.IsType<Reply>(Assert.Single(Hear("new", Step(term: 3, attempt: 0))));
    }

    [Fact]
    public void A_doubled_command_runs_once_and_is_answered_again()
    {
        var step = Step(3, 0);
        Assert.IsType<BeginWork>(Assert.Single(Hear("new", step)));
        Assert.Empty(Hear("new", step));
        var vote = new Prepared { Id = step.Id, GradientDigest = 9, Finite = true };
        Assert.Equal(vote, Assert.IsType<Reply>(Assert.Single(End(new ComputeLeaves(step), new Answer(vote)))).Message);
        Assert.Equal(vote, Assert.IsType<Reply>(Assert.Single(Hear("new", step))).Message);
    }

    [Fact]
    public void Whatever_names_the_staged_step_as_committed_makes_the_worker_apply_it_first()
    {
        Stage();
        var next = Step(3, 0, step: 1);
        next.Committed = new Committed { Id = Step(3, 0).Id, Gradient = 9 };
        var apply = Assert.IsType<ApplyStaged>(Assert.IsType<BeginWork>(Assert.Single(Hear("new", next))).Work);
        var effects = End(apply, new AtStep(1, 77));
        Assert.Equal(next, Assert.IsType<ComputeLeaves>(Assert.IsType<BeginWork>(Assert.Single(effects)).Work).Command);
        Assert.Equal((1L, 9UL), (_state.Applied, _state.AppliedGradient));
    }

    [Fact]
    public void A_commit_of_other_bytes_is_not_applied_even_under_the_same_name()
    {
        Stage();
        Hear("new", new Commit { Term = 3, Committed = new Committed { Id = Step(3, 0).Id, Gradient = 8 } });
        Assert.Null(_state.Running);
        Assert.Equal(0, _state.Applied);
    }

    [Fact]
    public void A_commit_of_the_same_bytes_is_applied_whatever_the_attempt_is_called()
    {
        Stage();
        var effects = Hear("new", new Commit { Term = 3, Committed = new Committed { Id = Step(2, attempt: 1).Id, Gradient = 9 } });
        Assert.IsType<ApplyStaged>(Assert.IsType<BeginWork>(Assert.Single(effects)).Work);
    }

    [Fact]
    public void A_new_coordinator_is_sent_the_votes_again_and_then_told_where_the_worker_is()
    {
        Stage();
        var apply = Assert.IsType<ApplyStaged>(Assert.IsType<BeginWork>(Assert.Single(
            Hear("new", new Commit { Term = 3, Committed = new Committed { Id = Step(3, 0).Id, Gradient = 9 } }))).Work);
        End(apply, new AtStep(1, 77));
        var replies = Hear("newer", new WhereAreYou { Term = 4, RunId = "r" }).Cast<Reply>().ToList();
        Assert.All(replies, reply => Assert.Equal("newer", reply.To));
        var vote = Assert.IsType<Prepared>(replies[0].Message);
        Assert.True(vote.Applied);
        Assert.Equal((Step(3, 0).Id, 9UL), (vote.Id, vote.GradientDigest));
        Assert.Equal(1, Assert.IsType<Here>(replies[1].Message).Applied);
    }

    [Fact]
    public void A_worker_that_is_refused_says_so_by_its_end()
    {
        var end = Assert.Single(Hear("new", new Goodbye { Term = 3, Reason = "another token", Refused = true }).OfType<EndWorker>());
        Assert.Equal((WorkerEnd.Refused, false, "another token"), (end.End, end.Rejoin, end.Reason));
    }

    [Fact]
    public void A_state_older_than_its_own_is_not_taken()
    {
        _state = _state with { Applied = 5 };
        var reply = Assert.IsType<Reply>(Assert.Single(Hear("new", new FetchState { Term = 3, Step = 4 })));
        Assert.NotEqual("", Assert.IsType<StateAdopted>(reply.Message).Error);
        Assert.Equal(5, _state.Applied);
    }

    [Fact]
    public void A_new_attempt_ends_the_one_that_runs()
    {
        Hear("new", Step(3, 0));
        Assert.IsType<CancelWork>(Assert.Single(Hear("new", Step(3, 1))));
        var effects = End(new ComputeLeaves(Step(3, 0)), new WorkFailed("cancelled", Cancelled: true));
        Assert.Contains(effects, e => e is BeginWork { Work: ComputeLeaves { Command.Id.Attempt: 1 } });
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void A_worker_that_cannot_evaluate_says_so_and_ends_but_a_prompt_it_cannot_answer_costs_nothing(bool sample, bool ends)
    {
        var evaluate = new Evaluate { Term = 3, Step = 0, Set = "held", Sample = sample };
        Hear("new", evaluate);
        var effects = End(new EvaluateLeaves(evaluate), new WorkFailed("the device failed", OwnFault: true));
        Assert.Contains(effects.OfType<Reply>(), e => e.Message is LeavesEvaluated { Error: "the device failed" });
        Assert.Equal(ends, effects.Any(e => e is EndWorker));
    }

    [Fact]
    public void A_replica_whose_state_is_being_replaced_does_not_pretend_to_be_anywhere()
    {
        Hear("new", new FetchState { Term = 3, Step = 4 });
        Assert.Equal(-1, _state.Applied);
        var here = Hear("new", new WhereAreYou { Term = 3, RunId = "r" }).OfType<Reply>().Select(r => r.Message).OfType<Here>().Single();
        Assert.Equal(-1, here.Applied);
    }

    [Fact]
    public void Without_a_coordinator_for_longer_than_the_deadline_the_worker_ends()
    {
        var (_, effects, _) = WorkerProtocol.Decide(_state, new WorkerTick(), Rules.Deadlines.Orphan + TimeSpan.FromSeconds(1), Rules);
        Assert.Contains(effects, e => e is EndWorker { End: WorkerEnd.Orphaned });
    }

    private static ComputeStep Step(long term, int attempt, long step = 0) =>
        new() { Id = new Orchestrator.Core.StepId(term, 5, step, attempt), Leaves = 1, PackedDeal = ComputeStep.Pack(Orchestrator.Core.Deal.Even(1, 1)) };

    private void Stage()
    {
        Hear("new", Step(3, 0));
        End(new ComputeLeaves(Step(3, 0)), new Answer(new Prepared { Id = Step(3, 0).Id, GradientDigest = 9, Finite = true }));
    }

    private ImmutableArray<WorkerEffect> Hear(string from, IMessage command) => Decide(new CommandHeard(from, command));

    private ImmutableArray<WorkerEffect> End(WorkerWork work, WorkResult result) => Decide(new WorkEnded(work, result));

    private ImmutableArray<WorkerEffect> Decide(WorkerInput input)
    {
        (_state, var effects, _) = WorkerProtocol.Decide(_state, input, TimeSpan.Zero, Rules);
        return effects;
    }
}
