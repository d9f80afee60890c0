using Akka.Actor;
using Orchestrator.Cluster.Actors;
using Orchestrator.Cluster.Nodes;
using Orchestrator.Cluster.Protocol;
using Orchestrator.Cluster.Work;
using Orchestrator.Collectives;
using Orchestrator.Core;

namespace Orchestrator.Cluster;

/// <summary>Works for a run from this process: one worker, one replica, one rank.</summary>
public static class Worker
{
    /// <summary>
    /// Joins the run and works until it has ended. If the run has given this worker up for lost (it was stopped, or cut off) it joins again as a
    /// new one, with the same replica. A device that hangs for good is reported as <see cref="WorkerEnd.Failed"/>, and its process should be ended. Cancelling <paramref name="stop"/> leaves at the end of the step in hand, within the grace.
    /// </summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="IOException">An address is taken or not this machine's.</exception>
    public static async Task<WorkerOutcome> RunAsync(WorkerOptions options, IReplicaFactory factory, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        await using var server = await CollectiveServer.StartAsync(ServerFor(options), CancellationToken.None);
        var driver = new ReplicaDriver(options, factory, server);
        var wish = new StopWish();
        await using var stopping = stop.UnsafeRegister(_ => wish.Wish("it was asked to leave"), null);
        var state = WorkerState.Start(TimeSpan.Zero);
        while (true)
        {
            (var end, var next) = await JoinAsync(options, driver, server, state, wish);
            if (next is null)
            {
                return new WorkerOutcome(WorkerEnd.Failed, $"{end.Reason.TrimEnd('.')}. Its device does not end its work: the process must.");
            }

            if (!end.Rejoin || wish.Reason is not null)
            {
                await driver.DisposeAsync();
                return new WorkerOutcome(wish.Reason is not null && end.Rejoin ? WorkerEnd.Left : end.End, end.Reason);
            }

            state = next;

            options.Log?.Invoke($"joins again: {end.Reason}");
        }
    }

    /// <summary>One membership, from joining to leaving.</summary>
    private static async Task<(EndWorker End, WorkerState? Next)> JoinAsync(
        WorkerOptions options, ReplicaDriver driver, CollectiveServer server, WorkerState state, StopWish wish)
    {
        var rules = new WorkerRules
        {
            Name = options.Name ?? server.Endpoint.Address,
            Endpoint = server.Endpoint.ToString(),
            Token = options.Token,
            Grace = options.Grace,
            Deadlines = options.Deadlines,
        };
        using var session = new WorkerSession(driver, rules, state, wish, options);
        var props = Props.Create(() => new WorkerActor(session)).WithDispatcher("akka.actor.orchestrator-dispatcher");
        EndWorker end;
        await using (var node = await ClusterNode.StartAsync(NodeFor(options), system => system.ActorOf(props, Roles.Worker)))
        {
            using var quarantine = Quarantine.Watch(node, () => session.End(Fenced("the others have given it up for lost")));
            _ = node.System.WhenTerminated.ContinueWith(_ => session.End(Fenced("it was removed from the cluster")), TaskScheduler.Default);
            await using var killing = options.Kill.UnsafeRegister(_ => session.End(new EndWorker(WorkerEnd.Failed, "it was killed", Rejoin: false)), null);
            end = await session.Ended;
            if (options.Kill.IsCancellationRequested)
            {
                await node.AbandonAsync();
            }
        }

        return (end, await session.CloseAsync());
    }

    private static EndWorker Fenced(string reason) => new(WorkerEnd.Failed, reason, Rejoin: true);

    private static NodeOptions NodeFor(WorkerOptions options) => new(
        Roles.Worker, options.Bind, options.Port, options.AdvertisedHost, options.Join, options.Deadlines, options.Hocon, options.Log, options.Tls);

    private static ServerOptions ServerFor(WorkerOptions options) => new()
    {
        Bind = options.Bind,
        Port = options.DataPort,
        AdvertisedHost = options.AdvertisedHost,
        Token = options.Token,
        Tls = options.Tls,
        Patience = options.Deadlines.Connect,
        Time = options.Time,
    };
}
