using Akka.Actor;
using Akka.Cluster;
using Orchestrator.Cluster;
using Orchestrator.Cluster.Nodes;

namespace Orchestrator.Tests.Cluster;

/// <summary>Who is expelled is removed, whether it is heard or not: what it last thought of the others must not stay in the gossip.</summary>
[Collection(RealClusters.Name)]
public sealed class ExpelTests
{
    // So patient that silence cannot be what removes it.
    private static readonly Deadlines Patient = new() { Patience = TimeSpan.FromMinutes(2) };

    [Fact]
    public async Task A_node_that_is_alive_and_heard_is_removed_when_it_is_expelled()
    {
        await using var control = await StartAsync(Roles.Control);
        await using var worker = await StartAsync(Roles.Worker, control.Address);
        var up = Source();
        worker.Cluster.RegisterOnMemberUp(() => up.TrySetResult());
        await up.Task.WaitAsync(TestRun.Patience);
        var removed = Source();
        await control.System.ActorOf(Props.Create(() => new Remover(worker.Cluster.SelfAddress, removed))).Ask<ActorIdentity>(new Identify(null), TestRun.Patience);
        control.Cluster.FailureDetector.Heartbeat(worker.Cluster.SelfAddress);   // the first real one comes after half a minute
        WitnessedFailureDetector.Expel(control.Cluster, worker.Cluster.SelfAddress);
        await removed.Task.WaitAsync(TimeSpan.FromSeconds(45));
        WitnessedFailureDetector.Forget(control.System, worker.Cluster.SelfAddress);
        control.Cluster.FailureDetector.Heartbeat(worker.Cluster.SelfAddress);
        Assert.True(control.Cluster.FailureDetector.IsAvailable(worker.Cluster.SelfAddress), "the next process at this address would be taken for dead");
    }

    private static Task<ClusterNode> StartAsync(string role, params string[] seeds) =>
        ClusterNode.StartAsync(new NodeOptions(role, "127.0.0.1", 0, null, seeds, Patient, "", null, null), _ => { });

    private static TaskCompletionSource Source() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed class Remover : ReceiveActor
    {
        public Remover(Address lost, TaskCompletionSource removed) => Receive<ClusterEvent.MemberRemoved>(m => _ = m.Member.Address != lost || removed.TrySetResult());

        protected override void PreStart() => Akka.Cluster.Cluster.Get(Context.System).Subscribe(Self, typeof(ClusterEvent.MemberRemoved));
    }
}
