using Akka.Actor;
using Orchestrator.Cluster.Protocol;

namespace Orchestrator.Cluster.Actors;

/// <summary>What the parts of one process tell each other; it never crosses a wire.</summary>
internal sealed record Local<T>(T Input) : INoSerializationVerificationNeeded;

/// <summary>Timers' message.</summary>
internal sealed class Tick : INoSerializationVerificationNeeded
{
    public static Tick Now { get; } = new();
}
