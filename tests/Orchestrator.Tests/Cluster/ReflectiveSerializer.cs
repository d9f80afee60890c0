using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Serialization;

namespace Orchestrator.Tests.Cluster;

/// <summary>Stands in for Akka's reflective default and notes what fell to it.</summary>
public sealed class ReflectiveSerializer : NewtonSoftJsonSerializer
{
    public ReflectiveSerializer(ExtendedActorSystem system, Akka.Configuration.Config config)
        : base(system, config)
    {
    }

    /// <summary>What is not protobuf is noted.</summary>
    public const string Noting = """
        akka.actor.serializers.json = "Orchestrator.Tests.Cluster.ReflectiveSerializer, Orchestrator.Tests"

        """;

    /// <summary>
    /// Messages between actors of one process are serialized too. Not for runs with several control nodes: Akka's own membership events
    /// lose the age of members that way, and with it the place of the singleton.
    /// </summary>
    public const string Strict = Noting + "akka.actor.serialize-messages = on\n";

    public static ConcurrentDictionary<Type, int> Seen { get; } = [];

    /// <summary>Types of this project that were written by reflection.</summary>
    public static IEnumerable<Type> Ours => Seen.Keys.Where(type => type.Assembly.GetName().Name!.StartsWith("Orchestrator", StringComparison.Ordinal));

    public override int Identifier => 1;   // as the serializer it stands in for

    public override byte[] ToBinary(object obj)
    {
        Seen.AddOrUpdate(obj.GetType(), 1, (_, times) => times + 1);
        return base.ToBinary(obj);
    }
}
