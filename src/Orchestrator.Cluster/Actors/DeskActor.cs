using Akka.Actor;
using Akka.Cluster;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Nodes;

namespace Orchestrator.Cluster.Actors;

/// <summary>
/// Where a control node is spoken to from outside, at a fixed path: passes questions on to the coordinator, wherever it is, and tells the other
/// control nodes that the run is over.
/// </summary>
internal sealed class DeskActor : ReceiveActor
{
    public DeskActor(ControlDesk desk, string token, IActorRef coordinator)
    {
        var cluster = Akka.Cluster.Cluster.Get(Context.System);
        Receive<StatusQuery>(query => coordinator.Forward(query));
        Receive<RunOver>(over => over.Token == token, desk.Over);
        Receive<Local<RunOver>>(local =>
        {
            foreach (var member in cluster.State.Members.Where(m => m.HasRole(Roles.Control) && m.Address != cluster.SelfAddress))
            {
                Context.ActorSelection(new RootActorPath(member.Address) / "user" / Roles.Desk).Tell(local.Input);
            }
        });
    }
}
