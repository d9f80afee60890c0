using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Cluster;
using Akka.Remote;
using Akka.Remote.Transport;

namespace Orchestrator.Tests.Cluster;

/// <summary>Knows the actor systems of this process, and cuts the control plane between them by Akka's throttling transport. The data plane is left alone.</summary>
public sealed class CutLinks : ExtensionIdProvider<CutLinks.Member>
{
    /// <summary>Settings of every system that is to be cut off.</summary>
    public const string Hocon = """
        akka.remote.dot-netty.tcp.applied-adapters = ["trttl"]
        akka.extensions = ["Orchestrator.Tests.Cluster.CutLinks, Orchestrator.Tests"]

        """;

    private static ConcurrentDictionary<int, ExtendedActorSystem> Systems { get; } = [];

    public override Member CreateExtension(ExtendedActorSystem system)
    {
        var port = system.Provider.DefaultAddress.Port!.Value;
        Systems[port] = system;
        system.WhenTerminated.ContinueWith(_ => Systems.TryRemove(port, out var _), TaskScheduler.Default);
        return new Member();
    }

    /// <summary>Until so many members are up as the node at this port sees it.</summary>
    public static async Task UpAsync(int port, int members)
    {
        var up = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Systems[port].ActorOf(Props.Create(() => new Counter(members, up)));
        await up.Task.WaitAsync(TestRun.Patience);
    }

    /// <summary>Nothing passes any more between the node at this port and all others, in either direction; nobody is told so.</summary>
    public static async Task IsolateAsync(int port)
    {
        var alone = Systems[port];
        foreach (var other in Systems.Values.Where(system => system != alone))
        {
            await SilenceAsync(alone, other);
            await SilenceAsync(other, alone);
        }
    }

    private static async Task SilenceAsync(ExtendedActorSystem from, ExtendedActorSystem to) =>
        Assert.True(await ((IRemoteActorRefProvider)from.Provider).Transport.ManagementCommand(
            new SetThrottle(to.Provider.DefaultAddress, ThrottleTransportAdapter.Direction.Both, Blackhole.Instance)));

    public sealed class Member : IExtension;

    private sealed class Counter : ReceiveActor
    {
        private readonly HashSet<Address> _up = [];

        public Counter(int members, TaskCompletionSource up)
        {
            Receive<ClusterEvent.MemberUp>(m =>
            {
                if (_up.Add(m.Member.Address) && _up.Count == members)
                {
                    up.TrySetResult();
                }
            });
            Receive<ClusterEvent.IMemberEvent>(_ => { });
        }

        protected override void PreStart() =>
            Akka.Cluster.Cluster.Get(Context.System).Subscribe(Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.IMemberEvent));
    }
}
