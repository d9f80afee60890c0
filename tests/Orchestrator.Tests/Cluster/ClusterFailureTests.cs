using Orchestrator.Cluster;
using Orchestrator.Core;

namespace Orchestrator.Tests.Cluster;

/// <summary>Each row of the failure table, over real sockets: the run goes on and ends with the weights of an undisturbed run.</summary>
[Collection(RealClusters.Name)]
public sealed class ClusterFailureTests
{
    private const int Steps = 5;

    private static readonly Lazy<Task<string>> Undisturbed = new(() => UndisturbedAsync(Steps));

    [Fact]
    public async Task A_worker_that_is_killed_while_computing_costs_its_share_only()
    {
        await using var run = new TestRun();
        var gate = Gate(run, step: 2, leaf: 3);   // b has 3-5 of 8 leaves
        await run.StartAsync(Steps, o => o with { Workers = 3 });
        run.Add("a", "b", "c");
        await gate.Reached.Task.WaitAsync(TestRun.Patience);
        var owner = gate.Worker!;
        await run.KilledAsync(owner);
        gate.Open();
        await CompletesAsync(run);
        var change = run.All<MembershipChanged>()[1];
        Assert.Contains($"lost {owner}", change.What, StringComparison.Ordinal);
        Assert.Equal(2, change.Members.Length);
        Assert.Equal(3, change.RecomputedLeaves);
        Assert.All(run.World.Computed.Where(c => c.Step == 2 && c.Worker != owner).GroupBy(c => c.Leaf), leaf => Assert.Single(leaf));
    }

    [Fact]
    public async Task A_dead_worker_is_known_by_its_machines_refusal_and_no_window_is_waited_for()
    {
        await using var run = new TestRun();
        var gate = Gate(run, step: 2, leaf: 3);
        await run.StartAsync(Steps, o => o with { Workers = 3, Deadlines = new Deadlines { Patience = TimeSpan.FromSeconds(20) } });   // the window: 2 s
        run.Add("a", "b", "c");
        await gate.Reached.Task.WaitAsync(TestRun.Patience);
        var owner = gate.Worker!;
        await run.KilledAsync(owner);
        gate.Open();
        await CompletesAsync(run);
        Assert.Contains($"lost {owner}: its process is gone", run.All<MembershipChanged>()[1].What, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_worker_joins_a_running_job_and_takes_over_its_state()
    {
        await using var run = new TestRun();
        var gate = Gate(run, step: 1, leaf: 0);
        await run.StartAsync(Steps);
        run.Add("a", "b");
        await gate.Reached.Task.WaitAsync(TestRun.Patience);
        run.Add("late");
        await LoadedAsync(run, "late");
        gate.Open();
        await CompletesAsync(run);
        var joined = Assert.Single(run.All<MembershipChanged>(), m => m.What.Contains("joined late", StringComparison.Ordinal));
        Assert.Equal((3, 0), (joined.Members.Length, joined.RecomputedLeaves));
        Assert.Equal(["late"], run.World.WarmedUp);
        Assert.Equal(Steps * 8, run.World.Computed.Count);
    }

    [Fact]
    public async Task A_worker_that_is_asked_to_leave_finishes_the_step_and_goes()
    {
        await using var run = new TestRun();
        var gate = Gate(run, step: 1, leaf: 0);
        await run.StartAsync(Steps);
        run.Add("a", "b");
        await gate.Reached.Task.WaitAsync(TestRun.Patience);
        run.Stop("b");
        await run.SaysAsync("b", leaving: true);
        gate.Open();
        Assert.Equal(WorkerEnd.Left, (await run.OutcomeOf("b")).End);
        await CompletesAsync(run);
        Assert.Equal(Steps * 8, run.World.Computed.Count);
    }

    [Fact]
    public async Task Stopping_the_run_finishes_the_step_in_hand_and_leaves_a_checkpoint()
    {
        await using var run = new TestRun();
        var gate = Gate(run, step: 2, leaf: 0);
        await run.StartAsync(Steps);
        run.Add("a", "b");
        await gate.Reached.Task.WaitAsync(TestRun.Patience);
        run.Stop();
        gate.Open();
        var outcome = await run.EndAsync();
        Assert.Equal((RunEnd.Stopped, 3L), (outcome.End, outcome.Step));
        Assert.EndsWith("step-00000003", outcome.Checkpoint, StringComparison.Ordinal);
        Assert.Equal(WorkerEnd.RunEnded, (await run.OutcomeOf("a")).End);
    }

    [Fact]
    public async Task A_gradient_that_is_not_finite_once_is_computed_again()
    {
        await using var run = new TestRun();
        var flips = 0;
        run.World.Distort = (_, step, leaf, value) => step == 1 && leaf == 6 && Interlocked.Increment(ref flips) == 1 ? float.NaN : value;
        await run.StartAsync(Steps);
        run.Add("a", "b");
        await CompletesAsync(run);
        Assert.Contains(run.All<Warning>(), w => w.Message.Contains("leaf 6", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(NonFinitePolicy.Stop, RunEnd.Failed, 1)]
    [InlineData(NonFinitePolicy.Skip, RunEnd.Completed, 5)]
    public async Task A_gradient_that_stays_not_finite_stops_the_run_or_is_skipped(NonFinitePolicy policy, RunEnd end, long steps)
    {
        await using var run = new TestRun();
        run.World.Distort = (_, step, leaf, value) => step == 1 && leaf == 6 ? float.NaN : value;
        await run.StartAsync(Steps, o => o with { NonFinite = policy });
        run.Add("a", "b");
        var outcome = await run.EndAsync();
        Assert.Equal((end, steps), (outcome.End, outcome.Step));
        Assert.NotNull(outcome.Checkpoint);
        Assert.Equal(policy == NonFinitePolicy.Skip ? [2L] : [], run.All<StepCommitted>().Where(s => s.Skipped).Select(s => s.Step));
    }

    [Fact]
    public async Task A_worker_whose_digest_differs_is_dropped_and_told_why_and_comes_back()
    {
        await using var run = new TestRun();
        var lies = 0;
        run.World.DistortDigest = (worker, step, digest) => worker == "c" && step == 1 && Interlocked.Increment(ref lies) == 1 ? digest + 1 : digest;
        await run.StartAsync(Steps, o => o with { Workers = 3 });
        run.Add("a", "b", "c");
        await CompletesAsync(run);
        Assert.Contains(run.All<MembershipChanged>(), m => m.What.Contains("lost c: the digest of its gradient of step 1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task With_all_workers_lost_the_run_ends_with_one_sentence_and_its_checkpoint()
    {
        await using var run = new TestRun();
        var gate = Gate(run, step: 3, leaf: 0);
        await run.StartAsync(Steps, o => o with { SaveEverySteps = 2, Deadlines = new Deadlines { Patience = TimeSpan.FromSeconds(2) } });
        run.Add("a", "b");
        await gate.Reached.Task.WaitAsync(TestRun.Patience);
        await run.KilledAsync("a");
        await run.KilledAsync("b");
        gate.Open();
        var outcome = await run.EndAsync();
        Assert.Equal((RunEnd.Failed, 3L), (outcome.End, outcome.Step));
        Assert.Contains("All workers are lost", outcome.Reason, StringComparison.Ordinal);
        Assert.Contains(Path.Combine("checkpoints", "step-00000002"), outcome.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_checkpoint_that_cannot_be_written_is_loud_and_the_run_goes_on()
    {
        await using var run = new TestRun();
        var saves = 0;
        run.World.BeforeSave = (_, _) => Interlocked.Increment(ref saves) == 1 ? throw new IOException("No space left on device") : Task.CompletedTask;
        await run.StartAsync(Steps, o => o with { SaveEverySteps = 2 });
        run.Add("a", "b");
        await CompletesAsync(run);
        Assert.Contains("No space left", Assert.Single(run.All<CheckpointFailed>()).Reason, StringComparison.Ordinal);
        Assert.Equal([4L, 5], run.All<CheckpointWritten>().Select(c => c.Step));
    }

    [Fact]
    public async Task A_worker_killed_while_evaluating_or_saving_is_replaced_by_the_others()
    {
        await using var run = new TestRun();
        run.World.BeforeEvaluation = (worker, leaf, _) => Kill(worker == "c" && leaf > 0, run, "c");
        run.World.BeforeSave = (worker, _) => Kill(worker != "a", run, worker);
        await run.StartAsync(Steps, o => o with { Workers = 3, SaveEverySteps = 2, Job = o.Job with { EvaluationSets = [new("eval", 64, 2)] } });
        run.Add("a", "b", "c");
        await CompletesAsync(run);
        Assert.Equal(64, run.All<Evaluated>()[0].Metrics[0].Weight);
    }

    [Fact]
    public async Task The_reference_s_pass_comes_before_the_first_evaluation_and_step_and_a_worker_lost_in_it_is_replaced_by_the_others()
    {
        await using var run = new TestRun();
        run.World.BeforeEvaluation = (worker, leaf, _) => Kill(worker == "c" && leaf > 0, run, "c");
        await run.StartAsync(Steps, o => o with { Workers = 3, Job = o.Job with { Reference = new ReferencePlan(63, 2), EvaluationSets = [new("eval", 4, 2)] } });
        run.Add("a", "b", "c");
        await CompletesAsync(run);
        Assert.Equal(Enumerable.Range(0, 32), run.World.Evaluated.Where(leaf => leaf.Set == ReferencePlan.SetName).Select(leaf => leaf.Leaf).Distinct().Order());
        Assert.All(run.World.Evaluated.Where(leaf => leaf.Set == ReferencePlan.SetName), leaf => Assert.Equal(0, leaf.Step));
        var order = run.Events.Where(happened => happened is ReferencePassed or Evaluated or StepCommitted).Select(happened => happened.GetType().Name).Distinct();
        Assert.Equal([nameof(ReferencePassed), nameof(Evaluated), nameof(StepCommitted)], order);
        Assert.Equal(63, Assert.Single(run.All<ReferencePassed>()).Rows);
    }

    [Fact]
    public async Task A_worker_whose_device_hangs_is_dropped_though_it_answers()
    {
        await using var run = new TestRun();
        var hung = new TaskCompletionSource();
        run.World.BeforeLeaf = (worker, step, _, _) => worker == "b" && step == 4 ? hung.Task : Task.CompletedTask;
        await run.StartAsync(Steps, o => o with { Deadlines = Quick });
        run.Add("a");
        run.Add("b", o => o with { Deadlines = Quick });
        await CompletesAsync(run);
        Assert.Contains(run.All<MembershipChanged>(), m => m.What.StartsWith("lost b: its leaves are not done", StringComparison.Ordinal));
        Assert.Contains("device does not end its work", (await run.OutcomeOf("b")).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_worker_with_another_token_is_refused()
    {
        await using var run = await new TestRun().StartAsync(Steps, o => o with { Workers = 1 });
        run.Add("stranger", o => o with { Token = "guess" });
        var refused = await run.OutcomeOf("stranger");
        Assert.Contains("token", refused.Reason, StringComparison.Ordinal);
        run.Add("a");
        await CompletesAsync(run);
    }

    [Fact]
    public async Task A_worker_without_a_coordinator_ends_itself()
    {
        await using var run = new TestRun();
        run.Add("orphan", o => o with { Join = ["127.0.0.1:1"], Deadlines = new Deadlines { Patience = TimeSpan.FromSeconds(0.5) } });
        var outcome = await run.OutcomeOf("orphan");
        Assert.Equal(WorkerEnd.Orphaned, outcome.End);
    }

    [Fact]
    public async Task A_worker_that_is_three_times_slower_is_dealt_fewer_leaves()
    {
        await using var run = new TestRun();
        run.World.BeforeLeaf = (worker, _, _, cancellation) => Task.Delay(worker == "slow" ? 150 : 50, cancellation);
        await run.StartAsync(steps: 10);
        run.Add("fast", "slow");
        await run.EndAsync();
        var changes = run.All<DealChanged>();
        Assert.All(changes.Zip(changes.Skip(1)), pair => Assert.False(pair.First.Leaves.SequenceEqual(pair.Second.Leaves), "A deal that holds is dealt again without a word."));
        var change = changes[0];
        Assert.Contains("slow takes", change.Why, StringComparison.Ordinal);
        Assert.Equal(8, change.Leaves.Sum());
        Assert.True(change.Leaves.Min() <= 3, change.Why);
    }

    /// <summary>The weights that every run of so many steps must end with.</summary>
    internal static async Task<string> UndisturbedAsync(int steps)
    {
        await using var run = await new TestRun().StartAsync(steps, o => o with { Workers = 1 });
        run.Add("alone");
        return (await run.EndAsync()).WeightsSha256!;
    }

    private static Deadlines Quick { get; } = new() { Patience = TimeSpan.FromSeconds(2) };

    internal static async Task CompletesAsync(TestRun run)
    {
        var outcome = await run.EndAsync();
        Assert.True(outcome.End == RunEnd.Completed, outcome.Reason + "\n" + run.Story());
        Assert.True(await Undisturbed.Value == outcome.WeightsSha256, "The weights differ from an undisturbed run's.\n" + run.Story());
    }

    private static Task LoadedAsync(TestRun run, string worker) => run.SaysAsync(worker, leaving: false);

    private static LeafGate Gate(TestRun run, long step, int leaf)
    {
        var gate = new LeafGate();
        run.World.BeforeLeaf = (worker, s, l, cancellation) => s == step && l == leaf ? gate.PassAsync(worker, cancellation) : Task.CompletedTask;
        return gate;
    }

    /// <summary>Holds whoever computes a leaf until the test lets it go on.</summary>
    private static async Task Kill(bool wanted, TestRun run, string worker)
    {
        if (wanted)
        {
            run.Kill(worker);
            await Task.Delay(Timeout.Infinite, run.Killed(worker));
        }
    }

    private sealed class LeafGate
    {
        private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string? Worker { get; private set; }

        public void Open() => _open.TrySetResult();

        public Task PassAsync(string worker, CancellationToken cancellation)
        {
            Worker ??= worker;
            Reached.TrySetResult();
            return _open.Task.WaitAsync(cancellation);
        }
    }
}
