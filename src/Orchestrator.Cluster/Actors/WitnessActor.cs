using Akka.Actor;
using Akka.Cluster;
using Akka.Remote;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Nodes;
using Orchestrator.Cluster.Protocol;

namespace Orchestrator.Cluster.Actors;

/// <summary>
/// On every control node: notices that another one's process is gone, long before its silence would tell. A connection breaks; the machine refuses
/// a new one, so nobody listens there any more; if most control nodes find the same, the node is downed at once and another may coordinate.
/// So it is where most find another one silent, and stay with it for a moment: stopped or cut off, it would be downed in any case, only later. What
/// no majority of all control nodes finds is left to the split-brain resolver.
/// </summary>
internal sealed class WitnessActor : ReceiveActor, IWithTimers
{
    private readonly Akka.Cluster.Cluster _cluster = Akka.Cluster.Cluster.Get(Context.System);
    private readonly HashSet<UniqueAddress> _looking = [];
    private readonly HashSet<UniqueAddress> _downed = [];
    private readonly Dictionary<UniqueAddress, TimeSpan> _silentSince = [];
    private readonly Witnesses _witnesses;
    private readonly Witnesses _silent;
    private readonly ControlDesk _desk;
    private readonly string _token;
    private readonly long _started;

    public WitnessActor(ControlDesk desk, RunRules rules)
    {
        (_desk, _token, _witnesses, _started) = (desk, rules.Token, new Witnesses(rules.Deadlines.Patience), desk.Time.GetTimestamp());
        _silent = new Witnesses(rules.Deadlines.Heartbeat * 3);   // said anew at every tick
        var pause = rules.Deadlines.SuspectWindow / 2;
        Receive<DisassociatedEvent>(broken => Look(Find(broken.RemoteAddress), pause));
        Receive<AssociationErrorEvent>(broken => Look(Find(broken.RemoteAddress), pause));
        Receive<Looked>(looked => Saw(looked.Node, looked.Refused));
        Receive<Tick>(_ => Listen());
        Receive<ControlNodeGone>(gone => gone.Token == _token, gone =>
        {
            if (Find(Address.Parse(gone.Address)) is { } node && node.UniqueAddress.Uid == gone.Uid && Control.Contains(Sender.Path.Address))
            {
                (gone.Silent ? _silent : _witnesses).Add(node.UniqueAddress, Sender.Path.Address, Now);
                if (!gone.Silent)
                {
                    Look(node, pause);
                }

                Judge(node.UniqueAddress);
            }
        });
        Receive<ClusterEvent.MemberRemoved>(removed =>
        {
            _witnesses.Forget(removed.Member.UniqueAddress);
            _silent.Forget(removed.Member.UniqueAddress);
            _silentSince.Remove(removed.Member.UniqueAddress);
            _downed.Remove(removed.Member.UniqueAddress);
            WitnessedFailureDetector.Forget(Context.System, removed.Member.Address);
        });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private TimeSpan Now => _desk.Time.GetElapsedTime(_started);

    private List<Address> Control => [.. _cluster.State.Members.Where(member => member.HasRole(Roles.Control)).Select(member => member.Address)];

    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(DisassociatedEvent));
        Context.System.EventStream.Subscribe(Self, typeof(AssociationErrorEvent));
        _cluster.Subscribe(Self, typeof(ClusterEvent.MemberRemoved));
        Timers.StartPeriodicTimer("tick", Tick.Now, _desk.Deadlines.Heartbeat);
    }

    protected override void PostStop()
    {
        Context.System.EventStream.Unsubscribe(Self);
        _cluster.Unsubscribe(Self);
    }

    private Member? Find(Address address) => _cluster.State.Members.FirstOrDefault(member =>
        member.HasRole(Roles.Control) && member.Address == address && address != _cluster.SelfAddress && member.Status is not (MemberStatus.Down or MemberStatus.Removed));

    private void Look(Member? node, TimeSpan pause)
    {
        if (node is not null && _looking.Add(node.UniqueAddress))
        {
            LookAsync(node.UniqueAddress, pause).PipeTo(Self, failure: _ => new Looked(node.UniqueAddress, false));
        }
    }

    private void Saw(UniqueAddress node, bool refused)
    {
        _looking.Remove(node);
        if (!refused || Find(node.Address) is null)
        {
            return;
        }

        Testify(_witnesses, node, silent: false);
    }

    /// <summary>Who is silent for Akka's failure detector, and stays so for a moment, is silent for this node.</summary>
    private void Listen()
    {
        foreach (var node in Control.Select(Find).OfType<Member>().Select(member => member.UniqueAddress))
        {
            if (_cluster.FailureDetector.IsAvailable(node.Address))
            {
                _silentSince.Remove(node);
            }
            else if (Now - (_silentSince[node] = _silentSince.GetValueOrDefault(node, Now)) >= _desk.Deadlines.SuspectWindow)
            {
                Testify(_silent, node, silent: true);
            }
        }
    }

    private void Testify(Witnesses witnesses, UniqueAddress node, bool silent)
    {
        witnesses.Add(node, _cluster.SelfAddress, Now);
        foreach (var other in Control.Where(other => other != _cluster.SelfAddress && other != node.Address))
        {
            Context.ActorSelection(new RootActorPath(other) / "user" / Roles.Witness).Tell(
                new ControlNodeGone { Token = _token, Address = node.Address.ToString(), Uid = node.Uid, Silent = silent });
        }

        Judge(node);
    }

    private void Judge(UniqueAddress node)
    {
        if (_witnesses.Agree(node, _cluster.SelfAddress, Control, Now) && _downed.Add(node))
        {
            _desk.Log($"Control node {node.Address.Host}:{node.Address.Port} refuses connections, as most control nodes find: its process is gone.");
            WitnessedFailureDetector.Expel(_cluster, node.Address);
        }
        else if (_silent.Agree(node, _cluster.SelfAddress, Control, Now) && _downed.Add(node))
        {
            _desk.Log($"Control node {node.Address.Host}:{node.Address.Port} is silent, as most control nodes find.");
            WitnessedFailureDetector.Expel(_cluster, node.Address);
        }
    }

    private async Task<Looked> LookAsync(UniqueAddress node, TimeSpan pause) =>
        new(node, await Refusals.SeenAsync(node.Address, pause, _desk.Deadlines.Doubt, _desk.Time).ConfigureAwait(false));

    private sealed record Looked(UniqueAddress Node, bool Refused);
}
