using System.Collections.Immutable;
using Orchestrator.Cluster;
using Orchestrator.Core;

namespace Orchestrator.Tests.Host;

/// <summary>Events as a run tells them.</summary>
internal static class RunEvents
{
    public static StepCommitted Step(long step, double loss = 0.5, double seconds = 2, int workers = 2, long steps = 10) => new(
        step, steps, new StepId(1, 1, step - 1, 0), Metrics(loss), Pairs: 8, seconds, workers, Skipped: false)
    {
        Time = DateTimeOffset.UnixEpoch,
    };

    /// <summary>Of 8 pairs, 6 of them right, with 100 tokens.</summary>
    public static ImmutableArray<MetricSum> Metrics(double loss) =>
        [new("loss", loss * 8, 8), new("rewards/accuracies", 6, 8), new("rewards/margins", 0.4, 8), new("num_tokens", 100, 0)];
}
