namespace Orchestrator.Tests.Collectives;

/// <summary>Groups over real sockets and memory, with real deadlines: they run alone, after all other tests, so that no neighbour starves them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class RealSockets
{
    public const string Name = "real sockets";
}
