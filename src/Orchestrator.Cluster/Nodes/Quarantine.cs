using Akka.Actor;
using Akka.Cluster;
using Akka.Remote;

namespace Orchestrator.Cluster.Nodes;

/// <summary>
/// Notices that the control nodes refuse to hear this node for good: it was stopped or cut off for so long that they went on without it. What others
/// refuse means nothing: a worker that was stopped, or a control node that is out, also gives up everybody else when it wakes.
/// </summary>
internal sealed class Quarantine : IDisposable
{
    private readonly ActorSystem _system;
    private readonly IActorRef _watcher;

    private Quarantine(ClusterNode node, Action fenced)
    {
        _system = node.System;
        _watcher = _system.ActorOf(Props.Create(() => new Watcher(node.Cluster, fenced)), "quarantine");
        _system.EventStream.Subscribe(_watcher, typeof(ThisActorSystemQuarantinedEvent));
    }

    public static Quarantine Watch(ClusterNode node, Action fenced) => new(node, fenced);

    public void Dispose() => _system.EventStream.Unsubscribe(_watcher);

    private sealed class Watcher : ReceiveActor
    {
        public Watcher(Akka.Cluster.Cluster cluster, Action fenced) => Receive<ThisActorSystemQuarantinedEvent>(refused =>
        {
            if (cluster.State.Members.Any(member =>
                member.Address == refused.RemoteAddress && member.HasRole(Roles.Control) && member.Status is not (MemberStatus.Down or MemberStatus.Removed)))
            {
                fenced();
            }
        });
    }
}
