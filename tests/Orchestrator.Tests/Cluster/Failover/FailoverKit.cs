using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using Google.Protobuf;
using Orchestrator.Cluster;
using Orchestrator.Cluster.Actors;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Nodes;
using Orchestrator.Cluster.Protocol;
using Orchestrator.Core;

namespace Orchestrator.Tests.Cluster.Failover;

/// <summary>
/// The real coordinator actor with its timers in virtual time, and workers that are probes: a test says what each of them answers, and lets as much
/// time pass as it wants. No socket carries anything, and no real second is waited for.
/// </summary>
public abstract class FailoverKit : TestKit
{
    /// <summary>How long a message that is sure to come may take in real time.</summary>
    private static readonly TimeSpan Real = TimeSpan.FromSeconds(30);

    private static readonly Config Virtual = ConfigurationFactory.ParseString("""
        akka.actor.provider = cluster
        akka.remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0 }
        akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit"
        akka.loglevel = OFF
        """);

    private readonly ConcurrentDictionary<string, ProbeWorker> _workers = [];
    private readonly TestProbe _events;

    protected FailoverKit()
        : base(Virtual)
    {
        Akka.Cluster.Cluster.Get(Sys);   // takes its time at first, for which an actor that is being made would not wait
        _events = CreateTestProbe();
        Rules = new RunRules { RunId = "r", Plan = new PlanOptions(7, 64, 8, 2, MaxSteps: 3).ToPlan(), Workers = 2 };   // 4 leaves a step
    }

    internal RunRules Rules { get; set; }

    internal ControlDesk Desk { get; private set; } = null!;

    internal IActorRef Coordinator { get; private set; } = null!;

    internal Deadlines Deadlines => Rules.Deadlines;

    private TestScheduler Clock => (TestScheduler)Sys.Scheduler;

    /// <summary>A coordinator that knows of these workers.</summary>
    internal void Begin(params string[] workers)
    {
        var options = new CoordinatorOptions
        {
            Job = new Job { RunId = "r", RunFile = "", Plan = new PlanOptions(7, 64, 8, 2, MaxSteps: 3), Files = [] },
            OutputDirectory = "none",
            Deadlines = Deadlines,
            Time = new SchedulerTime(Clock),
        };
        Desk = new ControlDesk(options, new Observer(_events));
        Coordinator = Sys.ActorOf(Props.Create(() => new CoordinatorActor(Rules, Desk, id => _workers[id].Probe.Ref)));
        foreach (var name in workers)
        {
            See(name);
        }
    }

    /// <summary>The node of a worker appears; the same worker, for a coordinator that comes after another.</summary>
    internal ProbeWorker See(string name)
    {
        var worker = _workers.GetOrAdd($"{name}#1", _ => new ProbeWorker(this, name, CreateTestProbe()));
        Tell(new WorkerSeen(worker.Id));
        return worker;
    }

    /// <summary>A run of these workers in its first step, which all have been dealt.</summary>
    internal ProbeWorker[] Computing(params string[] names)
    {
        Rules = Rules with { Workers = names.Length };
        Begin(names);
        ProbeWorker[] workers = [.. names.Select(name => _workers[$"{name}#1"])];
        foreach (var worker in workers)
        {
            worker.Here();
        }

        foreach (var worker in workers)
        {
            worker.Meet();
        }

        Event<MembershipChanged>();
        return workers;
    }

    internal void Tell(CoordinatorInput input) => Coordinator.Tell(new Local<CoordinatorInput>(input));

    /// <summary>The coordinator has done all that it was told so far.</summary>
    internal void Settle() => Coordinator.Ask<StatusReply>(new StatusQuery(), Real).GetAwaiter().GetResult();

    /// <summary>Virtual time passes, heartbeat by heartbeat; those who live answer at each.</summary>
    internal void Pass(TimeSpan time, params ProbeWorker[] alive)
    {
        for (var left = time; left > TimeSpan.Zero; left -= Deadlines.Heartbeat)
        {
            Settle();
            Clock.Advance(left < Deadlines.Heartbeat ? left : Deadlines.Heartbeat);
            Settle();
            foreach (var worker in alive)
            {
                worker.Here();
            }
        }

        Settle();
    }

    /// <summary>The next event of this kind, whatever comes before it.</summary>
    internal T Event<T>()
        where T : RunEvent => (T)_events.FishForMessage(happened => happened is T, Real);

    /// <summary>None of this kind has happened since the last one that was looked for.</summary>
    internal void NoEvent<T>()
        where T : RunEvent
    {
        Settle();
        Desk.Publish(new Warning("mark"));   // events are handed on by another thread, in order: those before this one have come
        while (_events.ReceiveOne(Real) is { } happened and not Warning { Message: "mark" })
        {
            Assert.IsNotType<T>(happened);
        }
    }

    internal async Task<RunOutcome> OutcomeAsync() => await Desk.Outcome.WaitAsync(Real);

    private sealed class Observer(TestProbe events) : IRunObserver
    {
        public void On(RunEvent happened) => events.Ref.Tell(happened);
    }

    private sealed class SchedulerTime(TestScheduler clock) : TimeProvider
    {
        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => clock.Now.UtcTicks;

        public override DateTimeOffset GetUtcNow() => clock.Now;
    }

    /// <summary>A worker that says what the test wants.</summary>
    internal sealed class ProbeWorker(FailoverKit kit, string name, TestProbe probe)
    {
        public const ulong State = 5;
        public const ulong Gradient = 9;

        public string Name => name;

        public string Id => $"{name}#1";

        public TestProbe Probe => probe;

        public long Applied { get; set; }

        /// <summary>The next command of this kind that fits, whatever comes before it.</summary>
        public T Gets<T>(Func<T, bool>? fits = null)
            where T : class, IMessage => (T)probe.FishForMessage(message => message is T command && (fits?.Invoke(command) ?? true), Real);

        /// <summary>None of this kind is among what it was sent since it last looked.</summary>
        public void GetsNo<T>()
            where T : class, IMessage
        {
            kit.Settle();
            while (probe.HasMessages)
            {
                Assert.IsNotType<T>(probe.ReceiveOne(Real));
            }
        }

        public void Says(IMessage message) => kit.Tell(new AnswerHeard(Id, message));

        public void Here(Action<Here>? change = null, long term = 1, IActorRef? coordinator = null)
        {
            var here = new Here
            {
                Term = term,
                Coordinator = (coordinator ?? kit.Coordinator).Path.ToSerializationFormatWithAddress(Akka.Cluster.Cluster.Get(kit.Sys).SelfAddress),
                Name = name,
                Endpoint = $"{name}:1|host|1",
                RunId = "r",
                Ready = true,
                Doing = "computing",
                Applied = Applied,
                StateDigest = State,
            };
            change?.Invoke(here);
            Says(here);
        }

        /// <summary>It is told of a generation, and meets the others.</summary>
        public FormGroup Meet(int generation = 1)
        {
            var form = Gets<FormGroup>(form => form.Generation == generation);
            Says(new GroupFormed { Term = form.Term, Generation = generation, Applied = Applied, StateDigest = State });
            return form;
        }

        /// <summary>It is dealt leaves of a step.</summary>
        public ComputeStep Dealt(Func<ComputeStep, bool>? fits = null) => Gets(fits);

        public Prepared Vote(ComputeStep step, ulong gradient = Gradient, params int[] bad)
        {
            return new Prepared
            {
                Id = step.Id,
                GradientDigest = gradient,
                Finite = bad.Length == 0,
                BadLeaves = { bad },
                StateDigest = State,
                Sums = Sums.Of([.. step.OwnLeaves().Select(leaf => new LeafSums(leaf, [new MetricSum("loss", leaf, 2)]))]),
            };
        }
    }
}
