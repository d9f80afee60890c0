using System.Reflection;

namespace Orchestrator.Tests;

/// <summary>The rooms may know each other only along these arrows; everything else is a wall.</summary>
public sealed class ArrowTests
{
    private const string Prefix = "Orchestrator.";

    public static TheoryData<string, string[]> Arrows => new()
    {
        { "Orchestrator.Core", [] },
        { "Orchestrator.Collectives", ["Core"] },
        { "Orchestrator.Training", ["Core", "Collectives"] },
        { "Orchestrator.Cluster", ["Core", "Collectives"] },
        { "orchestrator", ["Cluster", "Training", "Core", "Collectives"] },
    };

    [Theory]
    [MemberData(nameof(Arrows))]
    public void A_room_references_only_the_rooms_it_may_know(string assembly, string[] allowed)
    {
        var found = Assembly.Load(assembly).GetReferencedAssemblies()
            .Where(name => name.Name!.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
            .Select(name => name.Name![Prefix.Length..]);
        Assert.Empty(found.Except(allowed));
    }

    [Theory]
    [InlineData("Orchestrator.Core", "Akka", "TorchSharp", "Grpc")]
    [InlineData("Orchestrator.Collectives", "Akka", "TorchSharp")]
    [InlineData("Orchestrator.Cluster", "TorchSharp")]
    [InlineData("Orchestrator.Training", "Akka")]
    public void A_library_stays_in_its_room(string assembly, params string[] banned)
    {
        var found = Assembly.Load(assembly).GetReferencedAssemblies().Select(name => name.Name!);
        Assert.DoesNotContain(found, name => banned.Any(b => name.StartsWith(b, StringComparison.Ordinal)));
    }
}
