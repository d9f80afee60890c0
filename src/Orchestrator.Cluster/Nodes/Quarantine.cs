using Akka.Actor;
using Akka.Event;
using Akka.Remote;

namespace Orchestrator.Cluster.Nodes;

/// <summary>Notices that another node refuses to hear this one for good: it was stopped or cut off for so long that the others went on without it.</summary>
internal sealed class Quarantine : IDisposable
{
    private readonly ActorSystem _system;
    private readonly IActorRef _watcher;

    private Quarantine(ActorSystem system, Action fenced)
    {
        _system = system;
        _watcher = system.ActorOf(Props.Create(() => new Watcher(fenced)), "quarantine");
        system.EventStream.Subscribe(_watcher, typeof(ThisActorSystemQuarantinedEvent));
    }

    public static Quarantine Watch(ActorSystem system, Action fenced) => new(system, fenced);

    public void Dispose() => _system.EventStream.Unsubscribe(_watcher);

    private sealed class Watcher : ReceiveActor
    {
        public Watcher(Action fenced) => Receive<ThisActorSystemQuarantinedEvent>(_ => fenced());
    }
}
