using Akka.Actor;
using Akka.Cluster;
using Orchestrator.Cluster.Nodes;

namespace Orchestrator.Tests.Cluster;

/// <summary>A node that refuses connections is taken for dead only where most control nodes, this one among them, have just found so.</summary>
public sealed class WitnessesTests
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(3);

    // Nodes 0 to n - 1; the last is gone, 0 judges.
    [Theory]
    [InlineData(3, new[] { 0, 1 }, true)]
    [InlineData(3, new[] { 0 }, false)]
    [InlineData(3, new[] { 1 }, false)]        // two of three would need this one
    [InlineData(2, new[] { 0 }, false)]        // of two, one is no majority: who of both is cut off cannot be told
    [InlineData(4, new[] { 0, 1 }, false)]
    [InlineData(4, new[] { 0, 1, 2 }, true)]
    [InlineData(5, new[] { 0, 2, 3 }, true)]
    [InlineData(5, new[] { 1, 2, 3 }, false)]
    [InlineData(5, new[] { 0, 1, 7, 8 }, false)]   // 7 and 8 are no control nodes
    [InlineData(3, new[] { 0, 2 }, false)]     // nobody witnesses its own death
    public void Most_must_agree(int nodes, int[] witnesses, bool agree)
    {
        var (seen, gone) = (new Witnesses(Fresh), new UniqueAddress(Node(nodes - 1), 7));
        foreach (var witness in witnesses)
        {
            seen.Add(gone, Node(witness), TimeSpan.Zero);
        }

        Assert.Equal(agree, seen.Agree(gone, Node(0), [.. Enumerable.Range(0, nodes).Select(Node)], Fresh));
    }

    [Fact]
    public void What_was_seen_long_ago_or_of_an_earlier_process_at_the_same_address_does_not_count()
    {
        var (seen, gone) = (new Witnesses(Fresh), new UniqueAddress(Node(2), 7));
        Address[] control = [Node(0), Node(1), Node(2)];
        seen.Add(gone, Node(1), TimeSpan.Zero);
        seen.Add(gone, Node(0), TimeSpan.FromSeconds(2));
        Assert.True(seen.Agree(gone, Node(0), control, TimeSpan.FromSeconds(3)));
        Assert.False(seen.Agree(gone, Node(0), control, TimeSpan.FromSeconds(3.1)));
        Assert.False(seen.Agree(new UniqueAddress(Node(2), 8), Node(0), control, TimeSpan.FromSeconds(3)));
        seen.Forget(gone);
        Assert.False(seen.Agree(gone, Node(0), control, TimeSpan.FromSeconds(3)));
    }

    private static Address Node(int number) => new("akka.tcp", Roles.System, "host", 4000 + number);
}
