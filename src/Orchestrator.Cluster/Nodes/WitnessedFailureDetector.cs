using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Akka.Actor;
using Akka.Configuration;
using Akka.Event;
using Akka.Remote;

namespace Orchestrator.Cluster.Nodes;

/// <summary>Akka's failure detector, which also takes a word for it: a node that is known to be dead is unreachable at once and not only after its silence.</summary>
internal sealed class WitnessedFailureDetector(Config config, EventStream events) : PhiAccrualFailureDetector(config, events)
{
    private static readonly ConditionalWeakTable<EventStream, ConcurrentDictionary<string, bool>> Gone = [];

    private readonly ConcurrentDictionary<string, bool> _gone = Gone.GetOrCreateValue(events);

    /// <inheritdoc/>
    public override bool IsAvailable => !_gone.ContainsKey(Address) && base.IsAvailable;

    /// <summary>
    /// Downs a node, and holds it for unreachable until it has been removed. Down alone is not enough: who is down is only removed once it is
    /// unreachable, too, and one that was stopped may wake just then. What it last thought of the others, that none of them can be reached, would stay
    /// in the gossip, and the split-brain resolver would take all of them for half cut off and down them.
    /// </summary>
    public static void Expel(Akka.Cluster.Cluster cluster, Address node)
    {
        Gone.GetOrCreateValue(cluster.System.EventStream)[node.ToString()] = true;
        cluster.Down(node);
    }

    /// <summary>Another process may live at the address from now on.</summary>
    public static void Forget(ActorSystem system, Address gone) => Gone.GetOrCreateValue(system.EventStream).TryRemove(gone.ToString(), out _);
}
