using Xunit.Abstractions;

namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>The simulation has teeth: each way of breaking the protocol is found out.</summary>
public sealed class SimulationMutantTests(ITestOutputHelper output)
{
    /// <summary>Schedules that a mutant may survive at most.</summary>
    private const int Bound = 20_000;

    public static TheoryData<string> Mutants => [.. typeof(ProtocolUnderTest).Assembly.GetTypes()
        .Where(type => type.IsSubclassOf(typeof(ProtocolUnderTest)) && !type.IsAbstract).Select(type => type.Name).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Mutants))]
    public void A_broken_protocol_is_caught(string mutant)
    {
        var type = typeof(ProtocolUnderTest).Assembly.GetTypes().Single(t => t.Name == mutant && t.IsSubclassOf(typeof(ProtocolUnderTest)));
        var protocol = (ProtocolUnderTest)Activator.CreateInstance(type)!;
        var failed = Simulator.FirstFailure(0, Bound, protocol);
        Assert.True(failed is not null, $"{mutant} survived {Bound} schedules.");
        output.WriteLine($"{mutant}: seed {failed}: {Simulator.Fails(failed.Value, protocol, out _)!.Message.Split('\n')[0]}");
    }
}
