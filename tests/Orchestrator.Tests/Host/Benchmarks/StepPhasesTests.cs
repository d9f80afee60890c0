using Orchestrator.Host.Benchmarks;
using Orchestrator.Host.Traces;

namespace Orchestrator.Tests.Host.Benchmarks;

public sealed class StepPhasesTests
{
    // Step 1 of one worker takes 10 s after a wait of 1 s: leaves 7 s, of them a leaf of 6 s with 4 s backward; all-reduce 2 s; what is left is its own.
    [Fact]
    public void Phases_hold_no_time_of_the_phases_inside_them_and_add_up_to_step_and_wait()
    {
        TraceEvent[] events =
        [
            Event("step", 0, 5, 0), Event("wait_step", 5, 6, 1), Event("backward", 7, 11, -1), Event("leaf", 6, 12, 1), Event("leaves", 6, 13, 1),
            Event("all_reduce", 13, 15, 1), Event("step", 6, 16, 1),
        ];
        var phases = StepPhases.Of([events], [1], span => span.Duration).ToDictionary(phase => phase.Name, phase => phase.Seconds);
        Assert.Equal(11, phases.Values.Sum(), 1e-9);
        Assert.Equal((4, 2, 1, 2, 1, 1), (phases["backward"], phases["leaf_other"], phases["leaves_other"], phases["all_reduce"], phases["step_other"], phases["wait_step"]));
    }

    private static TraceEvent Event(string name, double began, double ended, long step) =>
        new(name, 1, began * 1e6, (ended - began) * 1e6, null, new Dictionary<string, double> { ["step"] = step }, "");
}
