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

    /// <summary>Every message is serialized, also between actors of one process, and what is not protobuf is noted.</summary>
    public const string Settings = """
        akka.actor {
          serialize-messages = on
          serializers.json = "Orchestrator.Tests.Cluster.ReflectiveSerializer, Orchestrator.Tests"
        }
        """;

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
