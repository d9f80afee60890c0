using System.Collections.Immutable;
using Orchestrator.Host.Traces;

namespace Orchestrator.Host.Benchmarks;

/// <summary>A step's time by phase, such that the phases add up to the step and the wait before it.</summary>
internal static class StepPhases
{
    // Each phase's time without the phases inside it.
    private static readonly (string Name, string[] Inside)[] Table =
    [
        ("reference", []),
        ("policy_forward", []),
        ("policy_logprob", []),
        ("backward", []),
        ("metrics", []),
        ("leaf", ["reference", "policy_forward", "policy_logprob", "backward", "metrics"]),
        ("leaves", ["leaf"]),
        ("all_reduce", []),
        ("inspect", []),
        ("wait_commit", []),
        ("optimizer", []),
        ("step", ["leaves", "all_reduce", "inspect", "wait_commit", "optimizer"]),
        ("wait_step", []),
    ];

    public static ImmutableArray<(string Name, double Seconds)> Of(IReadOnlyList<IReadOnlyList<TraceEvent>> workers, IReadOnlyList<int> steps, Func<TraceEvent, double> microseconds)
    {
        var total = new Dictionary<string, double>();
        foreach (var events in workers)
        {
            foreach (var step in steps)
            {
                var (from, to) = (StepBenchmarkResult.StepOf(events, step - 1).Ended, StepBenchmarkResult.StepOf(events, step).Ended);
                foreach (var found in events.Where(found => found.Began >= from - 1 && found.Ended <= to + 1))
                {
                    total[found.Name] = total.GetValueOrDefault(found.Name) + microseconds(found) / 1e6;
                }
            }
        }

        var count = workers.Count * steps.Count;
        return [.. Table.Select(phase => (Label(phase), (total.GetValueOrDefault(phase.Name) - phase.Inside.Sum(inner => total.GetValueOrDefault(inner))) / count))];
    }

    private static string Label((string Name, string[] Inside) phase) => phase.Inside.Length == 0 ? phase.Name : $"{phase.Name}_other";
}
