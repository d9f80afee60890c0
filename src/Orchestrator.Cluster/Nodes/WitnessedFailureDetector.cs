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

    /// <param name="system">Whose detectors are told.</param>
    public static void Tell(ActorSystem system, Address gone) => Gone.GetOrCreateValue(system.EventStream)[gone.ToString()] = true;

    /// <summary>Another process may live at the address from now on.</summary>
    public static void Forget(ActorSystem system, Address gone) => Gone.GetOrCreateValue(system.EventStream).TryRemove(gone.ToString(), out _);
}
