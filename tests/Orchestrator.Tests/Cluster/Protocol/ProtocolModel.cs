using System.Collections.Immutable;
using Google.Protobuf;
using Orchestrator.Cluster;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Protocol;
using Orchestrator.Core;
using LeafRange = Orchestrator.Core.LeafRange;
using StepId = Orchestrator.Core.StepId;

namespace Orchestrator.Tests.Cluster.Protocol;

/// <summary>
/// Coordinators and workers as pure functions over a network that loses, doubles, delays and reorders, in virtual time, from one seed.
/// Small on purpose: enough to show how the functions are driven and that a run ends with the right state under faults.
/// </summary>
internal sealed class ProtocolModel(long seed, int steps = 6, double loss = 0.03)
{
    private const ulong InitialDigest = 1;

    private readonly SplitMix64 _random = new(seed);
    private readonly PriorityQueue<Action, (long At, long Order)> _events = new();
    private readonly Dictionary<string, ModelWorker> _workers = [];
    private readonly Dictionary<string, CoordinatorState> _coordinators = [];
    private RunOutcome? _announced;
    private long _order;
    private long _now;

    public RunRules Rules { get; init; } = new()
    {
        RunId = "model",
        Plan = new BatchPlan(1, 64, 16, 2, maxSteps: steps),
        Workers = 2,
        HostId = "here",
        SaveEverySteps = 3,
        EvalFirst = true,
        EvalEverySteps = 4,
        Sets = [new EvaluationSet("eval", 40, 4)],
    };

    /// <summary>Digest of the state after so many steps: one for the whole history, whoever applied them.</summary>
    public Dictionary<long, ulong> History { get; } = new() { [0] = InitialDigest };

    public List<(string Coordinator, StepCommitted Step)> Committed { get; } = [];

    public List<string> Trace { get; } = [];

    public RunOutcome? Outcome { get; private set; }

    public IEnumerable<string> Workers => _workers.Keys;

    public int Next(int bound) => _random.Next(bound);

    public void After(int milliseconds, Action action) => _events.Enqueue(action, (_now + milliseconds, _order++));

    /// <summary>Runs until nothing happens any more, the run has ended, or so much virtual time is over.</summary>
    public void Run(int seconds)
    {
        while (Outcome is null && _events.TryDequeue(out var action, out var when) && when.At < seconds * 1000L)
        {
            _now = when.At;
            action();
        }
    }

    public void AddCoordinator(string id)
    {
        if (_announced is not null)
        {
            Outcome = _announced;
            return;
        }

        _coordinators[id] = CoordinatorState.Start(id, Rules, Time);
        foreach (var worker in _workers.Keys.ToList())
        {
            Decide(id, new WorkerSeen(worker));
        }

        TickCoordinator(id);
    }

    public void KillCoordinator(string id) => _coordinators.Remove(id);

    public void AddWorker(string id)
    {
        _workers[id] = new ModelWorker(WorkerState.Start(Time), new WorkerRules { Name = id, Endpoint = $"{id}:1|here|1", Deadlines = Rules.Deadlines });
        foreach (var coordinator in _coordinators.Keys.ToList())
        {
            Decide(coordinator, new WorkerSeen(id));
        }

        TickWorker(id);
    }

    /// <summary>Its peers notice at once, the cluster some time later.</summary>
    public void KillWorker(string id)
    {
        if (_workers.Remove(id))
        {
            Trace.Add($"{_now} {id} is killed");
            After(_random.Next(6000), () =>
            {
                foreach (var coordinator in _coordinators.Keys.ToList())
                {
                    Decide(coordinator, new WorkerGone(id, "killed"));
                }
            });
        }
    }

    private TimeSpan Time => TimeSpan.FromMilliseconds(_now);

    private void TickCoordinator(string id) => After((int)Rules.Deadlines.Heartbeat.TotalMilliseconds, () =>
    {
        if (_coordinators.ContainsKey(id))
        {
            Decide(id, new CoordinatorTick());
            TickCoordinator(id);
        }
    });

    private void TickWorker(string id) => After((int)Rules.Deadlines.Heartbeat.TotalMilliseconds, () =>
    {
        if (_workers.ContainsKey(id))
        {
            Decide(id, new WorkerTick());
            TickWorker(id);
        }
    });

    private void Post(Action deliver)
    {
        for (var copies = _random.NextDouble() < loss ? _random.Next(2) * 2 : 1; copies > 0; copies--)
        {
            After(1 + _random.Next(_random.NextDouble() < loss ? 2000 : 30), deliver);
        }
    }

    private void Decide(string coordinator, CoordinatorInput input)
    {
        if (!_coordinators.TryGetValue(coordinator, out var state))
        {
            return;
        }

        (_coordinators[coordinator], var effects, var why) = CoordinatorProtocol.Decide(state, input, Time, Rules);
        if (why.Length > 0)
        {
            Trace.Add($"{_now} {coordinator}: {why}");
        }

        foreach (var effect in effects)
        {
            switch (effect)
            {
                case Send send:
                    Post(() => Decide(send.To, new CommandHeard(coordinator, send.Message)));
                    break;
                case Publish { Event: StepCommitted step }:
                    Committed.Add((coordinator, step));
                    break;
                case Expel expel:
                    KillWorker(expel.Worker);
                    break;
                case WakeAt wake:
                    After((int)(wake.Time - Time).TotalMilliseconds, () => Decide(coordinator, new CoordinatorTick()));
                    break;
                case AnnounceEnd announce:
                    _announced = announce.Outcome;
                    break;
                case EndRun { Outcome: var outcome }:
                    _coordinators.Remove(coordinator);
                    Outcome = outcome.End == RunEnd.HandedOver ? Outcome : outcome;
                    break;
            }
        }
    }

    private void Decide(string worker, WorkerInput input)
    {
        if (!_workers.TryGetValue(worker, out var party))
        {
            return;
        }

        (party.State, var effects, _) = WorkerProtocol.Decide(party.State, input, Time, party.Rules);
        foreach (var effect in effects)
        {
            switch (effect)
            {
                case Reply reply:
                    Post(() => Decide(reply.To, new AnswerHeard(worker, reply.Message)));
                    break;
                case BeginWork begin:
                    party.Work = begin.Work;
                    Begin(worker, party, begin.Work);
                    break;
                case CancelWork:
                    var cancelled = party.Work;
                    After(_random.Next(20), () => End(worker, cancelled, new WorkFailed("cancelled", Cancelled: true)));
                    break;
                case EndWorker end:
                    KillWorker(worker);
                    if (end.Rejoin)
                    {
                        After(500, () => AddWorker(worker + "'"));
                    }

                    break;
            }
        }
    }

    private void End(string worker, WorkerWork? work, WorkResult result)
    {
        if (_workers.TryGetValue(worker, out var party) && work is not null && ReferenceEquals(party.Work, work))
        {
            (party.Work, party.Arrived) = (null, false);
            Decide(worker, new WorkEnded(work, result));
        }
    }

    private void Begin(string worker, ModelWorker party, WorkerWork work)
    {
        switch (work)
        {
            case PrepareJob:
                After(_random.Next(300), () => End(worker, work, new AtStep(0, InitialDigest)));
                break;
            case MeetGroup or ComputeLeaves:
                After(work is ComputeLeaves compute ? 5 + 10 * compute.Command.OwnLeaves().Count() : 5, () => Arrive(worker, party, work));
                break;
            case ApplyStaged apply:
                var (applied, digest) = (party.State.Applied + 1, party.State.StateDigest * 31 + party.State.Staged!.GradientDigest);
                Assert.Equal(apply.Id.Step + 1, applied);
                Assert.True(History.TryAdd(applied, digest) || History[applied] == digest, $"Two histories at step {applied}.");
                After(2, () => End(worker, work, new AtStep(applied, digest)));
                break;
            case EvaluateLeaves { Command: var e }:
                var sums = Sums.Of(e.Leaves.SelectMany(r => Enumerable.Range(r.Start, r.Count)).Select(leaf => new LeafSums(leaf, [new MetricSum("loss", 1, 1)])));
                After(_random.Next(50), () => End(worker, work, new Answer(new LeavesEvaluated { Term = e.Term, Step = e.Step, Set = e.Set, Sums = sums })));
                break;
            case SaveState { Command: var s }:
                After(_random.Next(100), () => End(worker, work, new Answer(new Saved { Term = s.Term, Step = s.Step, WeightsSha256 = "00" })));
                break;
            case OfferOwnState { Command: var o }:
                After(5, () => End(worker, work, new Answer(new StateOffered { Term = o.Term, Step = o.Step, Blob = worker, StateDigest = party.State.StateDigest })));
                break;
            case AdoptState { Command: var f }:
                After(_random.Next(200), () => End(worker, work, _workers.ContainsKey(f.Blob) ? new AtStep(f.Step, f.StateDigest) : new WorkFailed("the source is gone")));
                break;
        }
    }

    /// <summary>A collective: it ends for all when all are there; where one is dead or elsewhere, for the others, with a suspect.</summary>
    private void Arrive(string worker, ModelWorker party, WorkerWork work)
    {
        if (!ReferenceEquals(party.Work, work) || !_workers.ContainsKey(worker))
        {
            return;
        }

        party.Arrived = true;
        party.ArrivedAt = _now;
        Look(worker, party, work);
    }

    private void Look(string worker, ModelWorker party, WorkerWork work)
    {
        if (!ReferenceEquals(party.Work, work))
        {
            return;
        }

        var ranks = work is MeetGroup meet ? meet.Command.Members.Select(Name).ToList() : party.Ranks;
        var key = Key(work);
        var parties = ranks.Select(rank => _workers.GetValueOrDefault(rank)).ToList();
        if (parties.All(p => p is { Arrived: true } && Key(p.Work) == key))
        {
            foreach (var (rank, other) in ranks.Zip(parties))
            {
                other!.Ranks = ranks;
                End(rank, other.Work, Result(other));
            }
        }
        else if (parties.FindIndex(p => p is null) is var dead && dead >= 0)
        {
            End(worker, work, new WorkFailed("its stream broke", dead));
        }
        else if (_now - party.ArrivedAt > 4000 && parties.FindIndex(p => Key(p!.Work) != key) is var away && away >= 0)
        {
            End(worker, work, new WorkFailed("it did not come", away));
        }
        else
        {
            After(20, () => Look(worker, party, work));
        }

        static string Name(string endpoint) => endpoint[..endpoint.IndexOf(':', StringComparison.Ordinal)];
    }

    private static string Key(WorkerWork? work) => work switch
    {
        MeetGroup m => $"meet {m.Command.Term} {m.Command.Generation}",
        ComputeLeaves c => $"compute {(StepId)c.Command.Id}",
        _ => "",
    };

    private static WorkResult Result(ModelWorker party)
    {
        if (party.Work is not ComputeLeaves { Command: var step })
        {
            return new AtStep(party.State.Applied, party.State.StateDigest);
        }

        var leaves = step.OwnLeaves().ToList();
        var vote = new Prepared
        {
            Id = step.Id,
            Finite = true,
            GradientDigest = party.State.StateDigest * 7 + (ulong)step.Id.Step,
            StateDigest = party.State.StateDigest,
            Sums = Sums.Of(leaves.Select(leaf => new LeafSums(leaf, [new MetricSum("loss", 1, 1)]))),
            Computed = leaves.Count,
            Seconds = 0.01 * leaves.Count,
        };
        return new Answer(vote);
    }

    private sealed class ModelWorker(WorkerState state, WorkerRules rules)
    {
        public WorkerState State { get; set; } = state;

        public WorkerRules Rules => rules;

        public WorkerWork? Work { get; set; }

        public bool Arrived { get; set; }

        public long ArrivedAt { get; set; }

        public List<string> Ranks { get; set; } = [];
    }
}
