using Akka.Actor;
using Orchestrator.Cluster;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Protocol;

namespace Orchestrator.Tests.Cluster.Failover;

/// <summary>Each way to fail, as the coordinator lives through it: who is dropped, who is dealt what, and what is committed.</summary>
public sealed class FailoverTests : FailoverKit
{
    [Fact]
    public void The_leaves_of_a_killed_worker_are_dealt_anew_and_the_step_commits_once()
    {
        var (a, b) = Two();
        var first = a.Dealt();
        Assert.Equal([2, 2], Shares(first));
        a.Says(a.Vote(first));   // it was done before the other died
        Tell(new WorkerGone(b.Id, "its node has left the cluster"));
        a.Gets<Abort>();
        Pass(Deadlines.Heartbeat, a);
        Assert.Equal(["a:1|host|1"], a.Meet(generation: 2).Members);
        var changed = Event<MembershipChanged>();
        Assert.Equal((2, 2), (changed.Generation, changed.RecomputedLeaves));
        Assert.Contains("lost b: its node has left the cluster", changed.What, StringComparison.Ordinal);

        var again = a.Dealt(step => step.Id.Generation == 2);
        Assert.Equal([4], Shares(again));
        NoEvent<StepCommitted>();
        a.Says(a.Vote(first));   // late, of the attempt before: counts nothing
        NoEvent<StepCommitted>();
        a.Says(a.Vote(again));
        Assert.Equal((1L, 1), (Event<StepCommitted>().Step, a.Dealt(step => step.Id.Step == 1).Committed.Id.Attempt));
    }

    [Fact]
    public void A_stopped_worker_is_dropped_when_the_window_closes_and_told_so_when_it_wakes()
    {
        var (a, b) = Two();
        var step = a.Dealt();
        var late = b.Vote(b.Dealt());
        a.Says(new StepFailed { Id = step.Id, Suspect = 1, Reason = "no byte for 4 s" });
        Pass(Deadlines.SuspectWindow * 0.9, a);
        a.GetsNo<FormGroup>();
        Pass(Deadlines.SuspectWindow, a);
        Assert.Single(a.Meet(generation: 2).Members);
        Assert.Contains("lost b: no byte for 4 s", Event<MembershipChanged>().What, StringComparison.Ordinal);

        b.Says(late);
        var bye = b.Gets<Goodbye>();
        Assert.Equal(("no byte for 4 s", true), (bye.Reason, bye.Rejoin));
        NoEvent<StepCommitted>();
    }

    [Fact]
    public void A_worker_whose_machine_refuses_connections_is_dropped_before_the_window_closes()
    {
        var (a, b) = Two();
        a.Says(new StepFailed { Id = a.Dealt().Id, Suspect = 1, Reason = "its stream broke" });
        Pass(Deadlines.SuspectWindow / 4, a);
        a.GetsNo<FormGroup>();
        Tell(new WorkerRefuses(b.Id));
        Assert.Single(a.Meet(generation: 2).Members);
        Assert.Contains("lost b: its process is gone", Event<MembershipChanged>().What, StringComparison.Ordinal);
        Tell(new WorkerRefuses(b.Id));   // seen twice
        NoEvent<MembershipChanged>();
    }

    [Fact]
    public void A_worker_that_is_blamed_and_answers_in_time_stays()
    {
        var (a, b) = Two();
        a.Says(new StepFailed { Id = a.Dealt().Id, Suspect = 1, Reason = "a hiccup" });
        Pass(Deadlines.SuspectWindow / 2, a, b);
        Pass(Deadlines.SuspectWindow, a, b);
        Assert.Equal(2, a.Meet(generation: 2).Members.Count);
        b.Meet(generation: 2);
        Assert.Equal(0, Event<MembershipChanged>().RecomputedLeaves);
        Assert.Equal([2, 2], Shares(a.Dealt(step => step.Id.Generation == 2)));
    }

    [Fact]
    public void Silence_on_the_control_plane_is_borne_for_its_deadline_and_no_longer()
    {
        var (a, b) = Two();
        Pass(Deadlines.Silence - Deadlines.Heartbeat, a);
        a.GetsNo<Abort>();
        Pass(Deadlines.Heartbeat * 3, a);
        a.Gets<Abort>();
        a.Meet(generation: 2);
        Assert.Contains("lost b: no sign of life for", Event<MembershipChanged>().What, StringComparison.Ordinal);
        b.Gets<Goodbye>();
    }

    [Fact]
    public void A_worker_with_a_broken_device_says_so_and_the_others_go_on()
    {
        var (a, b) = Two();
        b.Says(new StepFailed { Id = b.Dealt().Id, OwnFault = true, Reason = "CUDA error: an illegal memory access" });
        Pass(Deadlines.Heartbeat, a);
        a.Meet(generation: 2);
        Assert.Contains("lost b: CUDA error", Event<MembershipChanged>().What, StringComparison.Ordinal);
        Assert.True(b.Gets<Goodbye>().Rejoin);
    }

    [Fact]
    public void A_gradient_that_is_not_finite_is_computed_once_more_by_another_worker()
    {
        var (a, b) = Two();
        var (toA, toB) = (a.Dealt(), b.Dealt());
        a.Says(a.Vote(toA, bad: 1));
        b.Says(b.Vote(toB, bad: []));
        Assert.Contains("leaf 1 on a", Event<Warning>().Message, StringComparison.Ordinal);
        var again = a.Dealt(step => step.Id.Attempt == 1);
        Assert.Equal([[0], [1, 2, 3]], again.ToDeal().Ranks.Select(ranges => ranges.SelectMany(range => range.Leaves).ToArray()));
        a.Says(a.Vote(again));
        b.Says(b.Vote(b.Dealt(step => step.Id.Attempt == 1)));
        Assert.False(Event<StepCommitted>().Skipped);
    }

    [Theory]
    [InlineData(NonFinitePolicy.Stop)]
    [InlineData(NonFinitePolicy.Skip)]
    public async Task A_gradient_that_stays_not_finite_ends_the_run_or_is_skipped_as_the_run_file_says(NonFinitePolicy policy)
    {
        Rules = Rules with { NonFinite = policy };
        var (a, b) = Two();
        for (var attempt = 0; attempt < 2; attempt++)
        {
            a.Says(a.Vote(a.Dealt(step => step.Id.Attempt == attempt), bad: 0));
            b.Says(b.Vote(b.Dealt(step => step.Id.Attempt == attempt), bad: 0));
        }

        if (policy == NonFinitePolicy.Skip)
        {
            Assert.True(Event<StepCommitted>().Skipped);
            return;
        }

        a.Here(here => here.Gone = true);
        b.Here(here => here.Gone = true);
        var outcome = await OutcomeAsync();
        Assert.Equal((RunEnd.Failed, 0L), (outcome.End, outcome.Step));
        Assert.Contains("the gradient is not finite again (leaf 0 on a, leaf 0 on b)", outcome.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Of_three_the_one_with_another_digest_is_dropped_and_nothing_is_committed_with_it(bool gradient)
    {
        var workers = Computing("a", "b", "c");
        foreach (var worker in workers)
        {
            var vote = worker.Vote(worker.Dealt(), gradient && worker.Name == "b" ? 666 : 9UL);
            vote.StateDigest = !gradient && worker.Name == "b" ? 666 : 5UL;
            worker.Says(vote);
        }

        Pass(Deadlines.SuspectWindow, workers[0], workers[2]);
        Assert.Equal(["a:1|host|1", "c:1|host|1"], workers[0].Meet(generation: 2).Members);
        workers[2].Meet(generation: 2);
        Assert.Contains(gradient ? "the digest of its gradient" : "the digest of its state", workers[1].Gets<Goodbye>().Reason, StringComparison.Ordinal);
        NoEvent<StepCommitted>();
    }

    [Fact]
    public void A_joiner_takes_the_state_over_while_others_compute_and_is_in_before_the_commit()
    {
        var (a, b) = Two();
        var c = See("c");
        c.Here(here => here.Doing = "idle");
        foreach (var worker in new[] { a, b })
        {
            worker.Says(worker.Vote(worker.Dealt()));
        }

        Event<StepCommitted>();
        (a.Applied, b.Applied) = (1, 1);
        var offer = b.Gets<OfferState>();
        b.Says(new StateOffered { Term = 1, Step = offer.Step, Blob = "state", Digest = "d", Bytes = 8, StateDigest = 5 });
        Assert.Equal(("state", "b:1|host|1"), c.Gets<FetchState>() is var fetch ? (fetch.Blob, fetch.Source) : default);
        foreach (var worker in new[] { a, b })
        {
            worker.Says(worker.Vote(worker.Dealt(step => step.Id.Step == 1)));
        }

        NoEvent<StepCommitted>();   // it waits for who is on the way in
        c.Applied = 1;
        c.Says(new StateAdopted { Term = 1, Step = 1, StateDigest = 5 });
        foreach (var worker in new[] { a, b, c })
        {
            worker.Meet(generation: 2);
        }

        var joined = Event<MembershipChanged>();
        Assert.Equal(["a", "b", "c"], joined.Members.ToArray());
        Assert.Equal((0, 1L), (joined.RecomputedLeaves, joined.Step));
        foreach (var worker in new[] { a, b, c })
        {
            worker.Says(worker.Vote(worker.Dealt(step => step.Id.Generation == 2)));
        }

        Assert.Equal((2L, 3), (Event<StepCommitted>() is var step ? (step.Step, step.Workers) : default));
    }

    [Fact]
    public async Task A_new_coordinator_commits_what_all_have_staged_without_computing_it_again()
    {
        var (a, b, first, votes) = await TakenOver();
        foreach (var (worker, vote) in new[] { (a, votes[0]), (b, votes[1]) })
        {
            worker.Says(vote);
            Staged(worker, vote, first);
        }

        var committed = Event<StepCommitted>();
        Assert.Equal((1L, 1L, 4), (committed.Step, committed.Id.Term, committed.Metrics.Single(metric => metric.Name == "loss").Weight / 2));
        Assert.Equal(first.Id, a.Gets<Commit>().Committed.Id);
        Assert.Equal(first.Id, b.Gets<Commit>().Committed.Id);
        (a.Applied, b.Applied) = (1, 1);
        a.Meet(generation: 2);
        b.Meet(generation: 2);
        Assert.Equal((2L, 1L), a.Dealt() is var next ? (next.Id.Term, next.Id.Step) : default);
    }

    [Fact]
    public async Task A_new_coordinator_tries_a_step_again_that_only_one_has_staged_and_deals_the_same_leaves()
    {
        var (a, b, first, votes) = await TakenOver();
        a.Says(votes[0]);
        Staged(a, votes[0], first);
        b.Here(here =>
        {
            (here.GroupTerm, here.GroupGeneration, here.DealtStep) = (1, 1, 0);
            here.Dealt = Leaves.Of(first.ToDeal().Ranks[1]);
        }, term: 2);
        a.Meet(generation: 2);
        b.Meet(generation: 2);
        NoEvent<StepCommitted>();
        var again = a.Dealt();
        Assert.Equal((2L, 0L), (again.Id.Term, again.Id.Step));
        Assert.Equal(first.PackedDeal, again.PackedDeal);
    }

    [Fact]
    public async Task A_coordinator_that_wakes_after_another_has_begun_yields()
    {
        var (a, _) = Two();
        a.Here(here => here.Coordinator = "somebody else", term: 2);
        var outcome = await OutcomeAsync();
        Assert.Equal(RunEnd.HandedOver, outcome.End);
        Assert.Contains("a follows term 2, this is term 1", outcome.Reason, StringComparison.Ordinal);
        a.Says(a.Vote(a.Dealt()));
        NoEvent<StepCommitted>();
    }

    [Fact]
    public async Task When_all_are_lost_one_that_still_holds_the_state_is_waited_for_as_long_as_was_said()
    {
        var (a, b) = Two();
        Tell(new WorkerGone(a.Id, "killed"));
        Tell(new WorkerGone(b.Id, "killed"));
        Assert.Contains("No worker is left", Event<Warning>().Message, StringComparison.Ordinal);
        Pass(Deadlines.AllLost - Deadlines.Heartbeat);
        Assert.False(Desk.Outcome.IsCompleted);
        Pass(Deadlines.Heartbeat * 3);
        var outcome = await OutcomeAsync();
        Assert.Equal(RunEnd.Failed, outcome.End);
        Assert.Contains("All workers are lost", outcome.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_disk_is_told_and_training_goes_on()
    {
        Rules = Rules with { SaveEverySteps = 1 };
        var (a, b) = Two();
        foreach (var worker in new[] { a, b })
        {
            worker.Says(worker.Vote(worker.Dealt()));
        }

        a.Says(new Saved { Term = 1, Step = a.Gets<Save>().Step, Error = "No space left on device" });
        Assert.Equal((1L, "No space left on device"), Event<CheckpointFailed>() is var failed ? (failed.Step, failed.Reason) : default);
        Assert.Equal(1, a.Dealt(step => step.Id.Step == 1).Id.Step);
    }

    [Fact]
    public void A_preempted_worker_finishes_the_step_and_is_let_go()
    {
        var (a, b) = Two();
        b.Here(here => here.Leaving = "it was told to stop");
        foreach (var worker in new[] { a, b })
        {
            worker.Says(worker.Vote(worker.Dealt()));
        }

        Assert.Equal(2, Event<StepCommitted>().Workers);
        a.Applied = 1;
        var bye = b.Gets<Goodbye>();
        Assert.Equal(("it was told to stop", false), (bye.Reason, bye.Rejoin));
        Assert.Single(a.Meet(generation: 2).Members);
        Assert.Equal(0, Event<MembershipChanged>().RecomputedLeaves);
    }

    private (ProbeWorker A, ProbeWorker B) Two() => Computing("a", "b") is [var a, var b] ? (a, b) : default;

    /// <summary>The coordinator dies after all were dealt the first step; another one has claimed the next term and asked everybody where they are.</summary>
    private async Task<(ProbeWorker A, ProbeWorker B, ComputeStep First, Prepared[] Votes)> TakenOver()
    {
        var (a, b) = Two();
        var (first, other) = (a.Dealt(), b.Dealt());
        var old = Coordinator;
        Watch(old);
        Sys.Stop(old);
        ExpectTerminated(old);
        await Desk.DisposeAsync();
        Begin("a", "b");
        a.Gets<WhereAreYou>();
        a.Here(coordinator: old);
        a.Gets<WhereAreYou>(asked => asked.Term == 2);
        b.Gets<WhereAreYou>(asked => asked.Term == 2);
        return (a, b, first, [a.Vote(first), b.Vote(other)]);
    }

    private static void Staged(ProbeWorker worker, Prepared vote, ComputeStep dealt) => worker.Here(here =>
    {
        (here.Staged, here.StagedGradient, here.GroupTerm, here.GroupGeneration, here.DealtStep) = (vote.Id, vote.GradientDigest, 1, 1, 0);
        here.Dealt = Leaves.Of(dealt.ToDeal().Ranks[worker.Name == "a" ? 0 : 1]);
    }, term: 2);

    private static int[] Shares(ComputeStep step) => [.. step.ToDeal().Ranks.Select(ranges => ranges.Sum(range => range.Count))];
}
