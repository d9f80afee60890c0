using System.Security.Cryptography;
using Orchestrator.Cluster;

namespace Orchestrator.Tests.Cluster;

/// <summary>Undisturbed runs over real sockets, with a replica of a few floats.</summary>
[Collection(RealClusters.Name)]
public sealed class ClusterRunTests
{
    [Fact]
    public async Task Two_workers_train_to_the_end_and_leave_a_checkpoint()
    {
        await using var run = await new TestRun().StartAsync(steps: 6);
        run.Add("a", "b");
        var outcome = await run.EndAsync();
        Assert.True(outcome.End == RunEnd.Completed, outcome.Reason + "\n" + run.Story());
        Assert.Equal(6, outcome.Step);
        Assert.Equal(Enumerable.Range(1, 6).Select(s => (long)s), run.All<StepCommitted>().Select(s => s.Step));
        Assert.Equal(outcome.WeightsSha256, await ShaAsync(outcome.Checkpoint!));
        Assert.Equal(WorkerEnd.RunEnded, (await run.OutcomeOf("a")).End);
        Assert.Equal(48, run.World.Computed.Distinct().Count());   // 6 steps of 8 leaves, each once
        Assert.Equal(48, run.World.Computed.Count);
    }

    [Fact]
    public async Task Weights_and_metrics_do_not_depend_on_the_number_of_workers()
    {
        var (one, three) = (await RunAsync("a"), await RunAsync("a", "b", "c"));
        Assert.Equal(one.Sha, three.Sha);
        Assert.Equal(one.Metrics, three.Metrics);
        Assert.Equal(["loss", "num_tokens", "grad_norm", "learning_rate", "epoch"], one.Metrics.Take(5).Select(m => m.Split(' ')[0]));

        static async Task<(string? Sha, List<string> Metrics)> RunAsync(params string[] workers)
        {
            await using var run = await new TestRun().StartAsync(steps: 4, o => o with { Workers = workers.Length });
            run.Add(workers);
            var outcome = await run.EndAsync();
            return (outcome.WeightsSha256, [.. run.All<StepCommitted>().SelectMany(s => s.Metrics).Select(m => $"{m.Name} {m.Value:R}")]);
        }
    }

    [Fact]
    public async Task Held_out_sets_are_evaluated_before_between_and_after()
    {
        await using var run = await new TestRun().StartAsync(steps: 4, o => o with
        {
            EvalEverySteps = 2,
            Job = o.Job with { EvaluationSets = [new("eval", 50, 4), new("other", 3, 4)] },
        });
        run.Add("a", "b");
        await run.EndAsync();
        Assert.Equal(["0 eval", "0 other", "2 eval", "2 other", "4 eval", "4 other"], run.All<Evaluated>().Select(e => $"{e.Step} {e.Set}"));
        Assert.Equal(26, run.All<Evaluated>()[0].Metrics[0].Weight);   // 13 leaves of weight 2, each once
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_run_whose_evaluations_do_not_get_better_ends_early_with_its_best_checkpoint_kept(bool greater)
    {
        var (one, two) = (await RunAsync("a"), await RunAsync("a", "b"));
        Assert.Equal(one, two);
        Assert.Equal(greater ? "20 of 20" : "1 of 20", one.Story);   // this replica's loss rises at each step

        async Task<(string Story, string? Sha)> RunAsync(params string[] workers)
        {
            await using var run = await new TestRun().StartAsync(steps: 20, o => o with
            {
                Workers = workers.Length,
                EvalEverySteps = 1,
                Job = o.Job with { EvaluationSets = [new("other", 3, 4), new("eval", 50, 4)] },
                Selection = new SelectionRules("eval", "loss", greater, Patience: 3),
            });
            run.Add(workers);
            var outcome = await run.EndAsync();
            Assert.True(outcome.End == RunEnd.Completed, outcome.Reason + "\n" + run.Story());
            Assert.Equal(greater ? 20 : 4, outcome.Step);   // 1 is the best, 2, 3 and 4 are not
            Assert.Equal(!greater, outcome.Reason.StartsWith("Early stopping: 3 evaluations in a row", StringComparison.Ordinal));
            Assert.Equal(!greater ? [1L] : Enumerable.Range(1, 20).Select(step => (long)step), run.All<BestCheckpoint>().Select(best => best.Step));
            Assert.Equal(!greater ? [1L, 4] : Enumerable.Range(1, 20).Select(step => (long)step), run.All<CheckpointWritten>().Select(written => written.Step));
            return ($"{run.All<BestCheckpoint>()[^1].Step} of 20", outcome.WeightsSha256);
        }
    }

    [Fact]
    public async Task Prompts_are_answered_at_evaluations_and_one_that_cannot_be_costs_a_warning()
    {
        var (one, two) = (await RunAsync("a"), await RunAsync("a", "b"));
        Assert.Equal(one, two);

        static async Task<string[]> RunAsync(params string[] workers)
        {
            await using var run = new TestRun();
            run.World.RowThatFails = 2;
            await run.StartAsync(steps: 2, o => o with { Workers = workers.Length, Job = o.Job with { EvaluationSets = [new("eval", 50, 4, Samples: 4), new("other", 3, 4), new("third", 3, 4, 1)] } });
            run.Add(workers);
            var outcome = await run.EndAsync();
            Assert.True(outcome.End == RunEnd.Completed, outcome.Reason + "\n" + run.Story());
            Assert.Equal(["0 eval 0,1,3", "0 third 0", "2 eval 0,1,3", "2 third 0"], run.All<Sampled>().Select(s => $"{s.Step} {s.Set} {string.Join(',', s.Samples.Select(sample => sample.Row))}"));
            Assert.Equal(10, run.World.Sampled.Count);   // each once
            Assert.Equal(2, run.All<Warning>().Count(warning => warning.Message.Contains("row 2 of 'eval' could not be answered", StringComparison.Ordinal)));
            Assert.Equal(6, run.All<Evaluated>().Count);
            var first = run.All<Sampled>()[0].Samples;
            Assert.True(first[0].Reference is [0] && first[1].Reference is null);
            return [.. run.All<Sampled>().SelectMany(s => s.Samples).Select(s => string.Join(' ', s.Policy))];
        }
    }

    [Fact]
    public async Task A_metric_that_the_set_does_not_have_ends_the_run_at_the_first_evaluation()
    {
        await using var run = await new TestRun().StartAsync(steps: 4, o => o with
        {
            Job = o.Job with { EvaluationSets = [new("eval", 8, 4)] },
            Selection = new SelectionRules("eval", "lose", false),
        });
        run.Add("a", "b");
        var outcome = await run.EndAsync();
        Assert.Equal((RunEnd.Failed, 0L), (outcome.End, outcome.Step));
        Assert.Contains("its metrics are loss. Name one of these", outcome.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_worker_that_shares_no_files_downloads_them_and_ships_its_checkpoint()
    {
        await using var run = await new TestRun().StartAsync(steps: 2, o => o with
        {
            Workers = 1,
            HostId = "elsewhere",
            Job = o.Job with { Files = [o.Job.Files[0] with { Name = "model/weights.bin" }, new("pairs/train.pairs", Sha(o.Job.Files[0].Path), 148, o.Job.Files[0].Path)] },
        });
        run.Add("a");   // the name of the second file is not its path's: it cannot be used in place
        var outcome = await run.EndAsync();
        Assert.Equal(outcome.WeightsSha256, await ShaAsync(outcome.Checkpoint!));
        Assert.Contains(run.Log, line => line.Contains("downloading pairs/train.pairs", StringComparison.Ordinal));
        Assert.Empty(Directory.GetDirectories(Path.Combine(run.Folder, "cache"), "shipping-*"));

        static string Sha(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
    }

    [Fact]
    public async Task Checkpoints_are_written_when_due_and_the_caller_may_prune()
    {
        var pruned = new List<string>();
        await using var run = await new TestRun().StartAsync(steps: 5, o => o with { SaveEverySteps = 2, AfterCheckpoint = pruned.Add });
        run.Add("a", "b");
        await run.EndAsync();
        Assert.Equal([2L, 4, 5], run.All<CheckpointWritten>().Select(c => c.Step));
        Assert.Equal(run.All<CheckpointWritten>().Select(c => c.Directory), pruned);
    }

    [Fact]
    public async Task A_live_run_says_how_it_stands()
    {
        await using var run = new TestRun();
        var reached = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        run.World.BeforeLeaf = (_, step, leaf, _) =>
        {
            if (step == 1 && leaf == 7)
            {
                reached.TrySetResult();
                return go.Task;
            }

            return Task.CompletedTask;
        };
        await run.StartAsync(steps: 2);
        run.Add("a", "b");
        await reached.Task.WaitAsync(TestRun.Patience);
        var status = await Coordinator.StatusAsync(run.Address, "secret", TimeSpan.FromSeconds(20), default);
        Assert.Equal((1, 2, RunPhase.Training, 1L), (status.Step, status.Steps, status.Phase, status.Term));
        Assert.Equal(["0-3", "4-7"], status.Workers.OrderBy(w => w.Rank).Select(w => w.Leaves));
        await Assert.ThrowsAsync<UnauthorizedAccessException>(() => Coordinator.StatusAsync(run.Address, "wrong", TimeSpan.FromSeconds(20), default));
        go.SetResult();
        await run.EndAsync();
    }

    private static async Task<string> ShaAsync(string checkpoint) =>
        Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(checkpoint, "weights.bin"))));
}
