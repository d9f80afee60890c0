using System.Diagnostics;
using Google.Protobuf;
using Orchestrator.Cluster;
using Orchestrator.Cluster.Protocol;
using Orchestrator.Core;

namespace Orchestrator.Benchmarks.Control;

/// <summary>The coordinator's decisions, and when each step was committed.</summary>
internal sealed class SimulatedCoordinator
{
    public const string Id = "coordinator";

    private readonly RunRules _rules;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly List<long> _committed = [];
    private CoordinatorState _state;

    /// <summary>One leaf a worker.</summary>
    public SimulatedCoordinator(int workers, int steps)
    {
        _rules = new RunRules
        {
            RunId = "benchmark",
            Plan = new BatchPlan(1, workers * 2, workers * 2, 2, maxSteps: steps),
            Workers = workers,
            HostId = "host",
            Deadlines = new Deadlines { Patience = TimeSpan.FromSeconds(60), Work = TimeSpan.FromMinutes(30) },
        };
        _state = CoordinatorState.Start(Id, _rules, TimeSpan.Zero);
    }

    /// <summary>Stopwatch ticks at which each step was committed.</summary>
    public IReadOnlyList<long> Committed => _committed;

    public bool IsDone => _committed.Count == _rules.Steps;

    public TimeSpan Now => Stopwatch.GetElapsedTime(_started);

    /// <summary>What is to be sent.</summary>
    public IEnumerable<(string To, IMessage Message)> Decide(CoordinatorInput input)
    {
        var decision = CoordinatorProtocol.Decide(_state, input, Now, _rules);
        _state = decision.State;
        foreach (var effect in decision.Effects)
        {
            switch (effect)
            {
                case Send send:
                    yield return (send.To, send.Message);
                    break;
                case Publish { Event: StepCommitted }:
                    _committed.Add(Stopwatch.GetTimestamp());
                    break;
                case Publish { Event: RunEnded ended }:
                    throw new InvalidOperationException($"The run ended after {_committed.Count} steps: {ended.Outcome.Reason}");
            }
        }
    }
}
