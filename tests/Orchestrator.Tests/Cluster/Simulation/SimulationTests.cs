using System.Collections.Concurrent;
using System.Diagnostics;
using Xunit.Abstractions;

namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>The step protocol against chance: see <see cref="World"/> for what happens and <see cref="Ledger"/> for what must hold.</summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    [Fact]
    public void Every_schedule_keeps_the_invariants_and_ends()
    {
        if (long.TryParse(Environment.GetEnvironmentVariable(Simulator.SeedVariable), out var only))
        {
            output.WriteLine(Simulator.Story(only, new ProtocolUnderTest()));
            Assert.Null(Simulator.Fails(only, new ProtocolUnderTest(), out _));
            return;
        }

        var count = int.TryParse(Environment.GetEnvironmentVariable(Simulator.CountVariable), out var wanted) ? wanted : 200_000;
        _ = long.TryParse(Environment.GetEnvironmentVariable(Simulator.FirstVariable), out var first);
        var tally = new ConcurrentDictionary<string, long>();
        var started = Stopwatch.GetTimestamp();
        var failed = Simulator.FirstFailure(first, count, new ProtocolUnderTest(), tally);
        output.WriteLine($"{count} schedules from seed {first} in {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s: {string.Join(", ", tally.OrderBy(t => t.Key).Select(t => $"{t.Key} {t.Value}"))}");
        Assert.True(failed is null, failed is null ? "" : Simulator.Story(failed.Value, new ProtocolUnderTest()));
    }
}
