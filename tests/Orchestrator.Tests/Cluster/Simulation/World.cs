using System.Collections.Immutable;
using Orchestrator.Cluster;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Protocol;

namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>How a schedule ended.</summary>
/// <param name="Outcome">Of the run; null where no coordinator was left to say so.</param>
internal sealed record Verdict(RunOutcome? Outcome, int Events, TimeSpan Took);

/// <summary>One schedule: parties, network and faults of a <see cref="Simulation.Scenario"/>, from the first message to the last.</summary>
internal sealed class World
{
    /// <summary>Once nothing new goes wrong, everything has ended within this time.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(300);

    private readonly List<SimWorker> _workers = [];
    private readonly List<SimCoordinator> _coordinators = [];
    private readonly Dictionary<(long, int, string), SimGroup> _groups = [];
    private int _controlNodes;
    private bool _successorComes;
    private RunOutcome? _outcome;

    public World(Scenario scenario, ProtocolUnderTest protocol, Action<string>? trace)
    {
        (Scenario, Protocol, Truth, Dice) = (scenario, protocol, new Truth(scenario), new Dice(~scenario.Seed));
        (Network, Members, Ledger) = (new Network(this), new Members(this), new Ledger(this));
        Trace = trace is null ? null : line => trace($"{Now.TotalSeconds,9:0.0000} {line}");
        _controlNodes = scenario.ControlNodes;
    }

    public Scenario Scenario { get; }

    public ProtocolUnderTest Protocol { get; }

    public Truth Truth { get; }

    public Dice Dice { get; }

    public Timeline Timeline { get; } = new();

    public Network Network { get; }

    public Members Members { get; }

    public Ledger Ledger { get; }

    public Action<string>? Trace { get; }

    public TimeSpan Now => Timeline.Now;

    /// <summary>Things may still go wrong.</summary>
    public bool Disturbed => Now < Scenario.CalmFrom;

    public IEnumerable<SimCoordinator> Coordinating => _coordinators.Where(c => c is { Alive: true, Ended: false });

    public IReadOnlyList<SimWorker> Workers => _workers;

    public bool HasSpareControlNode => _controlNodes > 0 && _outcome is null;

    /// <exception cref="Violation">An invariant does not hold, or the schedule does not end.</exception>
    public Verdict Run()
    {
        Succeed(TimeSpan.Zero);
        for (var i = 0; i < Scenario.Workers; i++)
        {
            Timeline.After(Dice.Milliseconds(0, 100), null, AddWorker);
        }

        foreach (var fault in Scenario.Faults)
        {
            Timeline.After(fault.At, null, () => Faults.Strike(this, fault));
        }

        while (!Timeline.IsEmpty && !(Now > Scenario.CalmFrom && _workers.TrueForAll(w => !w.Alive) && !Coordinating.Any()))
        {
            Timeline.Next();
            Ledger.Check();
            if (Now > Scenario.CalmFrom + Patience)
            {
                throw new Violation($"liveness: {Patience.TotalSeconds} s after the last fault there are still {string.Join(", ", Coordinating.Select(c => $"{c.Name} {c.State.Stage}").Concat(_workers.Where(w => w.Alive).Select(w => w.Name)))}");
            }
        }

        Ledger.CheckEnd(_outcome);
        return new Verdict(_outcome, Timeline.Happened, Now);
    }

    public void AddWorker()
    {
        var worker = new SimWorker(this, _workers.Count + 1);
        _workers.Add(worker);
        worker.Join();
    }

    public SimWorker? WorkerAt(string endpoint) => _workers.Find(w => w.Endpoint == endpoint);

    /// <summary>Dead or alive.</summary>
    public SimCoordinator? CoordinatorCalled(string name) => _coordinators.Find(c => c.Name == name);

    public SimGroup GroupOf(FormGroup form)
    {
        var key = (form.Term, form.Generation, string.Join(' ', form.Members));
        if (!_groups.TryGetValue(key, out var group))
        {
            _groups[key] = group = new SimGroup(this, form.Members);
        }

        return group;
    }

    /// <summary>Another control node coordinates from then on, if there is one.</summary>
    public void Succeed(TimeSpan delay)
    {
        if (_successorComes || !HasSpareControlNode)
        {
            return;
        }

        _controlNodes--;
        _successorComes = true;
        Timeline.After(delay, null, () =>
        {
            _successorComes = false;
            if (_outcome is null)
            {
                var coordinator = new SimCoordinator(this, _coordinators.Count + 1);
                _coordinators.Add(coordinator);
                coordinator.Begin();
            }
        });
    }

    public void CoordinatorLost(SimCoordinator lost)
    {
        Trace?.Invoke($"{lost.Name} is gone");
        SucceedIfNobody();
    }

    public void CoordinatorEnds(SimCoordinator coordinator, RunOutcome outcome)
    {
        Trace?.Invoke($"{coordinator.Name} ends: {outcome.End}, {outcome.Reason}");
        Ledger.Ends(coordinator, outcome);
        if (outcome.End == RunEnd.HandedOver)
        {
            SucceedIfNobody();
        }
        else if (_outcome?.End != RunEnd.Completed)
        {
            _outcome = outcome;
        }
    }

    private void SucceedIfNobody()
    {
        if (!Coordinating.Any())
        {
            Succeed(Dice.Milliseconds(200, 6000));
        }
    }
}
