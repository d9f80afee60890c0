using Orchestrator.Core;

namespace Orchestrator.ProcessTests;

/// <summary>A run that is stopped, or dies, exactly while it evaluates, and is resumed, has each evaluation once and ends in the same bytes.</summary>
public sealed class EvaluationStopTests
{
    [Theory]
    [InlineData(Signals.Terminate)]
    [InlineData(Signals.Kill)]
    public async Task A_run_stopped_while_it_evaluates_and_resumed_is_the_undisturbed_one(int signal)
    {
        using var run = new MadeRun("save_every_steps: 2", "eval_dataset: held_out.jsonl", "eval_steps: 2", "max_steps: 8");
        var points = new ArmedPoints(run.Out("points"));
        points.Arm(FaultPoint.Dealt);   // the run waits in its first step, after the evaluation before it
        await using (var stopped = OrchestratorProcess.Start(run.Train("stopped", "--workers", "2"), null, points.Variable))
        {
            await points.ReachedAsync(FaultPoint.Dealt, stopped);
            points.Arm(FaultPoint.Evaluating);
            points.Release(FaultPoint.Dealt);
            await points.ReachedAsync(FaultPoint.Evaluating, stopped);
            Assert.Equal(0, Signals.Send(stopped.Id, signal));
            points.Release(FaultPoint.Evaluating);
            Assert.Equal(signal == Signals.Terminate ? 3 : 128 + signal, await stopped.ExitCodeAsync());
        }

        Assert.False(Directory.Exists(Path.Combine(run.Out("stopped"), "model")), "it was to be stopped on the way");
        await OrchestratorProcess.RunAsync(0, run.Train("stopped", "--resume", "--workers", "1"));
        await OrchestratorProcess.RunAsync(0, run.Train("undisturbed", "--workers", "2"));
        Assert.Equal(await File.ReadAllTextAsync(Path.Combine(run.Out("undisturbed"), "metrics.jsonl")), await File.ReadAllTextAsync(Path.Combine(run.Out("stopped"), "metrics.jsonl")));
        Assert.Equal(run.WeightsSha256("undisturbed"), run.WeightsSha256("stopped"));
    }
}
