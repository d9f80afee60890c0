using Orchestrator.Cluster;

namespace Orchestrator.Tests.Cluster;

/// <summary>Undisturbed runs over real sockets, with a replica of a few floats.</summary>
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
        Assert.True(File.Exists(Path.Combine(outcome.Checkpoint!, "weights.bin")));
        Assert.Equal(WorkerEnd.RunEnded, (await run.OutcomeOf("a")).End);
    }
}
