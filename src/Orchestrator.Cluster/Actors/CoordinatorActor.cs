using Akka.Actor;
using Akka.Cluster;
using Akka.Remote;
using Google.Protobuf;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Nodes;
using Orchestrator.Cluster.Protocol;

namespace Orchestrator.Cluster.Actors;

/// <summary>
/// The thin shell of <see cref="CoordinatorProtocol"/>, a singleton of the control nodes: sees workers' nodes come and go, hears answers, and does
/// what was decided. Workers go by "host:port#uid" of their node, which is never used twice.
/// </summary>
internal sealed class CoordinatorActor : ReceiveActor, IWithTimers
{
    private readonly RunRules _rules;
    private readonly ControlDesk _desk;
    private readonly Akka.Cluster.Cluster _cluster = Akka.Cluster.Cluster.Get(Context.System);
    private readonly Dictionary<Address, string> _ids = [];
    private readonly Dictionary<string, (Address Address, IActorRef? Worker)> _workers = [];
    private readonly HashSet<string> _looking = [];
    private readonly Func<string, ICanTell>? _reach;
    private readonly long _started;
    private CoordinatorState _state;

    public CoordinatorActor(RunRules rules, ControlDesk desk)
        : this(rules, desk, null)
    {
    }

    /// <param name="reach">By id, where messages to a worker go instead of to its node: for tests, which then bring its answers as <see cref="AnswerHeard"/>.</param>
    public CoordinatorActor(RunRules rules, ControlDesk desk, Func<string, ICanTell>? reach)
    {
        (_rules, _desk, _started, _reach) = (rules, desk, desk.Time.GetTimestamp(), reach);
        _state = CoordinatorState.Start(Self.Path.ToSerializationFormatWithAddress(_cluster.SelfAddress), rules, TimeSpan.Zero);
        Receive<StatusQuery>(query => Sender.Tell(StatusReport.Answer(query, _state, _rules, Now, ControlNodes())));
        Receive<IMessage>(Hear);
        Receive<Local<CoordinatorInput>>(local => Decide(local.Input));
        Receive<Tick>(_ => Decide(new CoordinatorTick()));
        Receive<Looked>(Saw);
        Receive<ClusterEvent.MemberRemoved>(removed => Gone(removed.Member));
        Receive<ClusterEvent.IMemberEvent>(happened => See(happened.Member));
        Receive<ClusterEvent.UnreachableMember>(lost => Doubt(lost.Member.Address, "its node is unreachable"));
        Receive<ClusterEvent.ReachableMember>(_ => { });
        Receive<DisassociatedEvent>(broken => Doubt(broken.RemoteAddress, "its connection broke"));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private TimeSpan Now => _desk.Time.GetElapsedTime(_started);

    protected override void PreStart()
    {
        _desk.Begins(Self);
        _cluster.Subscribe(Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.IMemberEvent), typeof(ClusterEvent.IReachabilityEvent));
        Context.System.EventStream.Subscribe(Self, typeof(DisassociatedEvent));
        Timers.StartPeriodicTimer("tick", Tick.Now, _rules.Deadlines.Heartbeat);
    }

    /// <summary>A fault of ours: the new instance asks everybody where they are, in a new term, and goes on.</summary>
    protected override void PreRestart(Exception reason, object message)
    {
        _cluster.Unsubscribe(Self);
        Context.System.EventStream.Unsubscribe(Self);
        _desk.Publish(new Warning($"The coordinator failed on {message.GetType().Name} and starts anew: {reason.Message}"));
        _desk.Log(reason.ToString());
    }

    protected override void PostRestart(Exception reason) => PreStart();

    protected override void PostStop()
    {
        _cluster.Unsubscribe(Self);
        Context.System.EventStream.Unsubscribe(Self);
        _desk.HandedOver(_state.Step);
    }

    /// <summary>Those that could take over: a node that has not seen the membership as it stands does not yet know that it, or another, may vote.</summary>
    private IEnumerable<string> ControlNodes() => _cluster.State.Members
        .Where(member => member.HasRole(Roles.Control) && member.Status == MemberStatus.Up && _cluster.State.SeenBy.Contains(member.Address))
        .Select(member => $"{member.Address.Host}:{member.Address.Port}");

    private void Hear(IMessage message)
    {
        if (_ids.TryGetValue(Sender.Path.Address, out var worker))
        {
            _workers[worker] = (Sender.Path.Address, Sender);
            Decide(new AnswerHeard(worker, message));
        }
    }

    private void See(Member member)
    {
        var id = $"{member.Address.Host}:{member.Address.Port}#{member.UniqueAddress.Uid:x8}";
        if (member.HasRole(Roles.Worker) && member.Status is MemberStatus.Joining or MemberStatus.WeaklyUp or MemberStatus.Up && _workers.TryAdd(id, (member.Address, null)))
        {
            _ids[member.Address] = id;
            Decide(new WorkerSeen(id));
        }
    }

    private void Doubt(Address address, string why)
    {
        if (_ids.TryGetValue(address, out var worker))
        {
            Decide(new WorkerDoubted(worker, why));
        }
    }

    private void Gone(Member member)
    {
        var id = $"{member.Address.Host}:{member.Address.Port}#{member.UniqueAddress.Uid:x8}";
        var leaving = _cluster.IsTerminated || _cluster.SelfMember.Status is MemberStatus.Exiting or MemberStatus.Down or MemberStatus.Removed;
        if (!leaving && _workers.Remove(id))   // a node that leaves sees everybody removed
        {
            if (_ids.GetValueOrDefault(member.Address) == id)
            {
                _ids.Remove(member.Address);
            }

            Decide(new WorkerGone(id, "its node has left the cluster"));
        }
    }

    private void Decide(CoordinatorInput input)
    {
        var decision = CoordinatorProtocol.Decide(_state, input, Now, _rules);
        _state = decision.State;
        if (decision.Why.Length > 0)
        {
            _desk.Log(decision.Why);
        }

        foreach (var effect in decision.Effects)
        {
            Do(effect);
        }
    }

    private void Do(CoordinatorEffect effect)
    {
        switch (effect)
        {
            case Send send:
                Tell(send);
                break;
            case Publish publish:
                _desk.Publish(publish.Event);
                break;
            case Expel expel when _workers.TryGetValue(expel.Worker, out var lost):
                WitnessedFailureDetector.Expel(_cluster, lost.Address);
                break;
            case LookAt look when _reach is null && _workers.TryGetValue(look.Worker, out var doubted) && _looking.Add(look.Worker):
                LookAsync(look.Worker, doubted.Address).PipeTo(Self, failure: _ => new Looked(look.Worker, false));
                break;
            case WakeAt wake:
                Timers.StartSingleTimer(wake, Tick.Now, wake.Time > Now ? wake.Time - Now : TimeSpan.Zero);
                break;
            case FetchCheckpoint fetch:
                _desk.FetchAsync(fetch).PipeTo(Self, success: fetched => new Local<CoordinatorInput>(fetched));
                break;
            case AnnounceEnd announce:
                _desk.Announce(announce.Outcome);
                break;
            case EndRun end:
                _desk.RunEnds(end.Outcome);
                break;
        }
    }

    private async Task<Looked> LookAsync(string worker, Address address) =>
        new(worker, await Refusals.SeenAsync(address, _rules.Deadlines.SuspectWindow / 4, _rules.Deadlines.Doubt, _desk.Time).ConfigureAwait(false));

    private void Saw(Looked looked)
    {
        _looking.Remove(looked.Worker);
        if (looked.Refused)
        {
            Decide(new WorkerRefuses(looked.Worker));
        }
    }

    private void Tell(Send send)
    {
        if (_reach is not null)
        {
            _reach(send.To).Tell(send.Message, Self);
        }
        else if (_workers.TryGetValue(send.To, out var worker))
        {
            if (worker.Worker is { } known)
            {
                known.Tell(send.Message);
            }
            else
            {
                Context.ActorSelection(new RootActorPath(worker.Address) / "user" / Roles.Worker).Tell(send.Message);
            }
        }
    }

    private sealed record Looked(string Worker, bool Refused);
}
