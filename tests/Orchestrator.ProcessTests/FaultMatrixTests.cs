using System.Globalization;
using Orchestrator.Core;

namespace Orchestrator.ProcessTests;

/// <summary>
/// A worker is killed, stopped or terminated in each phase of a step, one phase after the other in one run, each time with two workers in; the weights are
/// those of a run that nobody disturbed. Each signal takes some minutes: on demand, with ORCHESTRATOR_FULL_MATRIX=1.
/// </summary>
public sealed class FaultMatrixTests
{
    private static readonly TimeSpan Deadline = ArmedPoints.Deadline;

    private static readonly string[] Phases =
    [
        FaultPoint.Dealt, FaultPoint.Forward, FaultPoint.Backward, FaultPoint.Reducing, FaultPoint.Staged, FaultPoint.Committing, FaultPoint.Idle,
        FaultPoint.Checkpointing, FaultPoint.Offering, FaultPoint.Transferring, FaultPoint.Leaving,
    ];

    [SkippableTheory]
    [InlineData(Signals.Kill)]
    [InlineData(Signals.Stop)]
    [InlineData(Signals.Terminate)]
    public async Task A_worker_is_lost_in_every_phase_of_a_step_and_the_weights_stay_the_same(int signal)
    {
        Skip.If(Environment.GetEnvironmentVariable("ORCHESTRATOR_FULL_MATRIX") != "1", "Set ORCHESTRATOR_FULL_MATRIX=1 to run it.");
        using var run = new MadeRun("save_every_steps: 10", "keep_last: 2", "deadline_seconds: 3", "max_steps: 1000000");
        var points = new ArmedPoints(run.Out("points"));
        await using var coordinator = OrchestratorProcess.Start(run.Train("disturbed", "--workers", "0", "--set", "wait_for_workers=2"), null, ("ORCHESTRATOR_TOKEN", "t"));
        var address = (await coordinator.LineAsync("Coordinator at ")).Split(' ')[^1].TrimEnd('.');
        var workers = new List<OrchestratorProcess>();
        try
        {
            for (var i = 0; i < 2; i++)
            {
                workers.Add(Worker(run, address, points, $"w{i}"));
            }

            await coordinator.LineAsync("the run begins");
            foreach (var phase in Phases)
            {
                await LoseAsync(phase, signal, run, coordinator, workers, address, points);
            }

            Assert.Equal(0, Signals.Send(coordinator.Id, Signals.Terminate));
            Assert.True(await coordinator.ExitCodeAsync() == 3, coordinator.Output);
        }
        finally
        {
            foreach (var worker in workers)
            {
                Signals.Send(worker.Id, Signals.Continue);
                await worker.DisposeAsync();
            }
        }

        var last = Directory.EnumerateDirectories(Path.Combine(run.Out("disturbed"), "checkpoints"), "step-????????").Order(StringComparer.Ordinal).Last();
        await OrchestratorProcess.RunAsync(0, run.Train("undisturbed", "--workers", "2", "--set", $"max_steps={int.Parse(last[^8..], CultureInfo.InvariantCulture)}"));
        Assert.Equal(run.WeightsSha256("undisturbed"), MadeRun.Sha256(Path.Combine(last, "model.safetensors")));
        Assert.Equal(
            await File.ReadAllTextAsync(Path.Combine(run.Out("undisturbed"), "metrics.jsonl")), await File.ReadAllTextAsync(Path.Combine(run.Out("disturbed"), "metrics.jsonl")));
    }

    private static async Task LoseAsync(
        string phase, int signal, MadeRun run, OrchestratorProcess coordinator, List<OrchestratorProcess> workers, string address, ArmedPoints points)
    {
        var seen = coordinator.Count("In now: ");
        OrchestratorProcess? joiner = null;
        points.Arm(phase);
        if (phase is FaultPoint.Offering or FaultPoint.Transferring)
        {
            joiner = Worker(run, address, points, $"j{workers.Count}");
            workers.Add(joiner);
        }
        else if (phase == FaultPoint.Leaving)
        {
            Assert.Equal(0, Signals.Send(workers[^1].Id, Signals.Terminate));
        }

        var victim = await points.ReachedAsync(phase, coordinator);
        Assert.Equal(0, Signals.Send(victim, signal));
        var process = workers.Single(worker => worker.Id == victim);
        if (signal == Signals.Stop)
        {
            // The joiner is no member yet, and who leaves has given its word: nobody need be lost for them.
            var missed = phase is FaultPoint.Transferring ? coordinator.CountAsync("step ", coordinator.Count("step ") + 3) : coordinator.CountAsync("In now: ", seen + 1);
            await missed.WaitAsync(Deadline);
        }

        points.Release(phase);
        Signals.Send(victim, Signals.Continue);
        if (signal != Signals.Stop || phase == FaultPoint.Leaving)
        {
            await process.ExitCodeAsync();
            workers.Remove(process);
            await (phase == FaultPoint.Transferring ? Task.CompletedTask : coordinator.CountAsync("In now: ", seen + 1));   // a joiner was no member yet
        }

        if (workers.Count < 2)
        {
            workers.Add(Worker(run, address, points, $"w{phase}"));
        }

        await coordinator.MembersAsync(workers.Count);
        while (workers.Count > 2)
        {
            var least = workers[0];
            Assert.Equal(0, Signals.Send(least.Id, Signals.Terminate));
            await least.ExitCodeAsync();
            workers.RemoveAt(0);
        }

        await coordinator.MembersAsync(2);
    }

    private static OrchestratorProcess Worker(MadeRun run, string address, ArmedPoints points, string name) => OrchestratorProcess.Start(
        ["worker", "--join", address, "--one", "--name", name, "--device", "cpu", "--threads", "1", "--cache", run.Out("cache"), "--deadline-seconds", "3"],
        null, ("ORCHESTRATOR_TOKEN", "t"), points.Variable);
}
