using Akka.Actor;
using Akka.Remote;
using Orchestrator.Cluster;
using Orchestrator.Cluster.Nodes;

namespace Orchestrator.Tests.Cluster;

/// <summary>Only a control node that is in can tell a node that it is out.</summary>
[Collection(RealClusters.Name)]
public sealed class QuarantineTests
{
    [Theory]
    [InlineData(Roles.Control, true, true)]
    [InlineData(Roles.Worker, true, false)]
    [InlineData(Roles.Control, false, false)]
    public async Task A_node_is_fenced_by_control_nodes_that_are_in_and_by_nobody_else(string role, bool member, bool fenced)
    {
        await using var node = await ClusterNode.StartAsync(new NodeOptions(role, "127.0.0.1", 0, null, [], new Deadlines(), "", null, null), _ => { });
        var (up, told) = (Source(), Source());
        node.Cluster.RegisterOnMemberUp(() => up.TrySetResult());
        await up.Task.WaitAsync(TestRun.Patience);
        using var quarantine = Quarantine.Watch(node, () => told.TrySetResult());
        var by = member ? node.Cluster.SelfAddress : node.Cluster.SelfAddress.WithPort(1);
        node.System.EventStream.Publish(new ThisActorSystemQuarantinedEvent(node.Cluster.SelfAddress, by));
        var watcher = await node.System.ActorSelection("/user/quarantine").ResolveOne(TestRun.Patience);
        await watcher.Ask<ActorIdentity>(new Identify(null), TestRun.Patience);   // what was published before is behind it
        Assert.Equal(fenced, told.Task.IsCompleted);

        static TaskCompletionSource Source() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
