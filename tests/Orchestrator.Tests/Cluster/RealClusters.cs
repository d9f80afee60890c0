namespace Orchestrator.Tests.Cluster;

/// <summary>Clusters over real sockets, with real deadlines: they run alone, after all other tests, so that no neighbour starves their heartbeats.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class RealClusters
{
    public const string Name = "real clusters";
}
