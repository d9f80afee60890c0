using System.Collections.Concurrent;
using System.Text;
using Orchestrator.Cluster;

namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>Runs schedules by their seeds, and tells of one that fails all there is to know.</summary>
internal static class Simulator
{
    /// <summary>Replays this seed alone, with its trace.</summary>
    public const string SeedVariable = "ORCHESTRATOR_SIM_SEED";

    /// <summary>Runs so many schedules; millions if you have the time.</summary>
    public const string CountVariable = "ORCHESTRATOR_SIM_SCHEDULES";

    /// <summary>First seed of the schedules, to see other ones.</summary>
    public const string FirstVariable = "ORCHESTRATOR_SIM_FIRST";

    /// <returns>null if all invariants hold; else what does not.</returns>
    public static Violation? Fails(long seed, ProtocolUnderTest protocol, out Verdict? verdict, Action<string>? trace = null)
    {
        verdict = null;
        try
        {
            verdict = new World(Scenario.Of(seed), protocol, trace).Run();
            return null;
        }
        catch (Violation violation)
        {
            return violation;
        }
        catch (Exception error)
        {
            return new Violation($"it threw: {error}");
        }
    }

    /// <summary>The whole story of a seed: what it stands for, all that happened, and what was wrong.</summary>
    public static string Story(long seed, ProtocolUnderTest protocol)
    {
        var story = new StringBuilder().AppendLine($"seed {seed}: {Scenario.Of(seed)}");
        var violation = Fails(seed, protocol, out var verdict, line => story.AppendLine(line));
        story.AppendLine(violation?.Message ?? $"all invariants hold; {verdict!.Outcome?.End.ToString() ?? "nobody coordinates"}: {verdict.Outcome?.Reason}");
        return story.AppendLine($"Replay: {SeedVariable}={seed} dotnet test -c Release tests/Orchestrator.Tests --filter SimulationTests").ToString();
    }

    /// <summary>Seeds from <paramref name="first"/> on, over two threads, until one fails.</summary>
    /// <returns>The lowest seed that was seen to fail; null if none.</returns>
    public static long? FirstFailure(long first, int count, ProtocolUnderTest protocol, ConcurrentDictionary<string, long>? tally = null)
    {
        var failed = long.MaxValue;
        var gate = new Lock();
        Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = 2 }, (i, loop) =>
        {
            var seed = first + i;
            if (Fails(seed, protocol, out var verdict) is not null)
            {
                loop.Break();
                lock (gate)
                {
                    failed = Math.Min(failed, seed);
                }
            }
            else if (tally is not null)
            {
                tally.AddOrUpdate(verdict!.Outcome?.End.ToString() ?? "NobodyLeft", 1, (_, n) => n + 1);
                tally.AddOrUpdate("events", verdict.Events, (_, n) => n + verdict.Events);
            }
        });
        return failed == long.MaxValue ? null : failed;
    }
}
