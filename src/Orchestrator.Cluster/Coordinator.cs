using System.Collections.Immutable;
using System.Text.Json;
using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Tools.Singleton;
using Google.Protobuf;
using Orchestrator.Cluster.Actors;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Nodes;
using Orchestrator.Cluster.Protocol;
using Orchestrator.Cluster.Work;
using Orchestrator.Collectives;
using Orchestrator.Collectives.Blobs;
using Orchestrator.Core;

namespace Orchestrator.Cluster;

/// <summary>Coordinates a run from this process: control plane, job files for workers, and, of several control nodes, one at a time the steps.</summary>
public static class Coordinator
{
    /// <summary>
    /// Runs until the run has ended, or this node has left it. Cancelling <paramref name="stop"/> finishes the step in hand, writes a
    /// checkpoint and says goodbye; with other control nodes alive it hands over to one of them instead.
    /// </summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="IOException">An address is taken or not this machine's, or a file of the job cannot be read.</exception>
    public static async Task<RunOutcome> RunAsync(CoordinatorOptions options, IRunObserver observer, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        await using var server = await CollectiveServer.StartAsync(ServerFor(options), CancellationToken.None);
        foreach (var file in options.Job.Files)
        {
            await server.Blobs.AddFileAsync(file.Name, file.Path, file.Sha256, stop);
        }

        var job = ByteString.CopyFrom(JsonSerializer.SerializeToUtf8Bytes(options.Job));
        var rules = RunRules.Of(options, options.HostId ?? server.Endpoint.HostId, server.Endpoint.Address, job);
        await using var desk = new ControlDesk(options, observer);
        await using var node = await ClusterNode.StartAsync(NodeFor(options), system => Populate(system, rules, desk));
        desk.Publish(new Listening(node.Address, server.Endpoint.Address));
        await using var stopping = stop.UnsafeRegister(_ => Stop(node, desk), null);
        using var quarantine = Quarantine.Watch(node, desk.Terminated);
        _ = node.System.WhenTerminated.ContinueWith(_ => desk.Terminated(), TaskScheduler.Default);
        await using var killing = options.Kill.UnsafeRegister(_ => desk.Terminated(), null);
        using var late = options.StandsBy ? GiveUpLate(node, desk, options) : null;
        var outcome = await desk.Outcome;
        if (options.Kill.IsCancellationRequested)
        {
            await node.AbandonAsync();
        }

        return outcome.End == RunEnd.Fenced && stop.IsCancellationRequested
            ? outcome with { End = RunEnd.HandedOver, Reason = "This control node has left the run, which goes on with the others." }
            : outcome;
    }

    /// <summary>Asks a live run how it stands.</summary>
    /// <param name="address">host:port of one of its control nodes.</param>
    /// <exception cref="TimeoutException">Nobody answered; the message says what to check.</exception>
    /// <exception cref="UnauthorizedAccessException">The token is not the run's.</exception>
    public static async Task<RunStatus> StatusAsync(string address, string token, TimeSpan timeout, CancellationToken cancellation, TlsOptions? tls = null)
    {
        var reply = await ControlClient.AskAsync<StatusReply>([address], new StatusQuery { Token = token }, tls, timeout, cancellation);
        return reply.Error.Length > 0
            ? throw new UnauthorizedAccessException(reply.Error)
            : JsonSerializer.Deserialize<RunStatus>(reply.Status.Span)!;
    }

    /// <summary>Asks a live run what it is, as who wants to join it must.</summary>
    /// <param name="addresses">host:port of control nodes; one that answers is enough.</param>
    /// <exception cref="TimeoutException">Nobody answered; the message says what to check.</exception>
    /// <exception cref="UnauthorizedAccessException">The token is not the run's.</exception>
    public static async Task<JobOffer> AskJobAsync(IReadOnlyList<string> addresses, string token, TlsOptions? tls, TimeSpan timeout, CancellationToken cancellation)
    {
        var reply = await ControlClient.AskAsync<JobReply>(addresses, new JobQuery { Token = token }, tls, timeout, cancellation);
        if (reply.Error.Length > 0)
        {
            throw new UnauthorizedAccessException(reply.Error);
        }

        var deadlines = new Deadlines { Patience = TimeSpan.FromSeconds(reply.PatienceSeconds), Work = TimeSpan.FromSeconds(reply.WorkSeconds) };
        return new JobOffer(JsonSerializer.Deserialize<Job>(reply.Job.Span)!, reply.Files, reply.FirstTerm, deadlines);
    }

    /// <summary>Brings an offered job's files to this machine: used where they lie if they are the same, else downloaded into the cache.</summary>
    /// <returns>The job with the files' paths on this machine.</returns>
    /// <exception cref="BlobException">A file cannot be had from the one who offers it.</exception>
    public static async Task<Job> BringAsync(JobOffer offer, string cache, string token, TlsOptions? tls, Action<string> log, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(offer);
        var source = new BlobSource { Address = offer.Files, Token = token, Tls = tls, ProgressDeadline = offer.Deadlines.Progress };
        var paths = await new JobFiles(source, cache, log).BringAsync(offer.Job, cancellation);
        return offer.Job with { Files = [.. offer.Job.Files.Select(file => file with { Path = paths[file.Name] })] };
    }

    private static void Populate(ActorSystem system, RunRules rules, ControlDesk desk)
    {
        var singleton = Props.Create(() => new CoordinatorActor(rules, desk)).WithDispatcher("akka.actor.orchestrator-dispatcher");
        var settings = ClusterSingletonManagerSettings.Create(system).WithRole(Roles.Control).WithRemovalMargin(rules.Deadlines.HandOver);
        system.ActorOf(ClusterSingletonManager.Props(singleton, PoisonPill.Instance, settings), Roles.Coordinator);
        var proxy = system.ActorOf(ClusterSingletonProxy.Props($"/user/{Roles.Coordinator}", ClusterSingletonProxySettings.Create(system).WithRole(Roles.Control)), "coordinator-proxy");
        desk.Desk = system.ActorOf(Props.Create(() => new DeskActor(desk, rules, proxy)), Roles.Desk);
        system.ActorOf(Props.Create(() => new WitnessActor(desk, rules)), Roles.Witness);
    }

    /// <summary>Who stands by and is not let in within the longest hand-over is no control node.</summary>
    private static CancellationTokenSource GiveUpLate(ClusterNode node, ControlDesk desk, CoordinatorOptions options)
    {
        var late = new CancellationTokenSource(options.Deadlines.Orphan, options.Time);
        late.Token.UnsafeRegister(_ => desk.Terminated(), null);
        node.Cluster.RegisterOnMemberUp(() => late.CancelAfter(Timeout.InfiniteTimeSpan));
        return late;
    }

    private static void Stop(ClusterNode node, ControlDesk desk)
    {
        var others = node.Cluster.State.Members.Any(m => m.HasRole(Roles.Control) && m.Status == MemberStatus.Up && m.Address != node.Cluster.SelfAddress);
        if (others)
        {
            node.Cluster.Leave(node.Cluster.SelfAddress);
            _ = Task.Delay(desk.Deadlines.AllLost, desk.Time).ContinueWith(_ => desk.Terminated(), TaskScheduler.Default);   // nobody lets it go
        }
        else
        {
            desk.Stop("The run was asked to stop.");
        }
    }

    private static NodeOptions NodeFor(CoordinatorOptions options) => new(
        Roles.Control, options.Bind, options.Port, options.AdvertisedHost, Seeds(options), options.Deadlines, options.Hocon, options.Log, options.Tls);

    // Akka lets the first of the seeds found a cluster where none of the others answers: who stands by must never.
    private static ImmutableArray<string> Seeds(CoordinatorOptions options) => options.StandsBy
        ? [.. options.ControlNodes.Where(node => node != $"{options.AdvertisedHost ?? options.Bind}:{options.Port}")]
        : options.ControlNodes;

    private static ServerOptions ServerFor(CoordinatorOptions options) => new()
    {
        Bind = options.Bind,
        Port = options.DataPort,
        AdvertisedHost = options.AdvertisedHost,
        Token = options.Token,
        Tls = options.Tls,
        Time = options.Time,
    };
}
