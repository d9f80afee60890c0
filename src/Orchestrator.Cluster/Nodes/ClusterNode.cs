using System.Net.Sockets;
using Akka.Actor;
using Akka.Cluster.Hosting;
using Akka.Cluster.Hosting.SBR;
using Akka.Configuration;
using Akka.Hosting;
using Akka.Remote.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orchestrator.Collectives;

namespace Orchestrator.Cluster.Nodes;

/// <summary>Where a node stands in the cluster.</summary>
/// <param name="Seeds">host:port of control nodes; empty founds a cluster of its own.</param>
internal sealed record NodeOptions(string Role, string Bind, int Port, string? AdvertisedHost, IReadOnlyList<string> Seeds, Deadlines Deadlines, string Hocon, Action<string>? Log, TlsOptions? Tls);

/// <summary>An actor system that is a member of the run's cluster, by Akka.Hosting.</summary>
internal sealed class ClusterNode : IAsyncDisposable
{
    private readonly IHost _host;
    private readonly TimeSpan _patience;

    private ClusterNode(IHost host, TimeSpan patience)
    {
        (_host, _patience) = (host, patience);
        System = host.Services.GetRequiredService<ActorSystem>();
        Cluster = Akka.Cluster.Cluster.Get(System);
    }

    public ActorSystem System { get; }

    public Akka.Cluster.Cluster Cluster { get; }

    /// <summary>host:port under which other nodes reach this one.</summary>
    public string Address => $"{Cluster.SelfAddress.Host}:{Cluster.SelfAddress.Port}";

    /// <exception cref="IOException">The address is taken or not this machine's; the message names it.</exception>
    public static async Task<ClusterNode> StartAsync(NodeOptions options, Action<ActorSystem> actors)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.SetMinimumLevel(LogLevel.None);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.Deadlines.Patience * 4);
        builder.Services.AddAkka(Roles.System, akka =>
        {
            akka.AddHocon(options.Hocon, HoconAddMode.Prepend);
            akka.AddHocon(NodeConfig.For(options.Deadlines), HoconAddMode.Append);
            if (options.Tls is { } tls)
            {
                akka.AddHocon(ControlTls.Config, HoconAddMode.Prepend);
                akka.AddSetup(ControlTls.Setup(tls));
            }

            akka.WithRemoting(new RemoteOptions { HostName = options.Bind, Port = options.Port, PublicHostName = Public(options) });
            akka.WithClustering(new ClusterOptions
            {
                Roles = [options.Role],
                SeedNodes = [.. options.Seeds.Select(seed => $"{Scheme(options)}://{Roles.System}@{seed}")],
                SplitBrainResolver = new KeepMajorityOption { Role = Roles.Control },
            });
            akka.WithActors((system, _) =>
            {
                if (options.Log is { } log)
                {
                    system.ActorOf(Props.Create(() => new LogRelay(log)), "log");
                }

                actors(system);
            });
        });
        var host = builder.Build();
        try
        {
            await host.StartAsync();
        }
        catch (Exception error) when (error.GetBaseException() is SocketException refused)
        {
            host.Dispose();
            throw new IOException($"The control plane cannot listen on {options.Bind}:{options.Port}: {refused.Message}. Choose a free port (0 takes one) or another address.", error);
        }

        var node = new ClusterNode(host, options.Deadlines.Patience);
        if (options.Seeds.Count == 0)
        {
            node.Cluster.Join(node.Cluster.SelfAddress);
        }

        return node;
    }

    // Adapters that somebody's settings put around the transport, as Akka's throttler, are part of every address.
    private static string Scheme(NodeOptions options) =>
        ControlTls.Scheme(options.Tls, ConfigurationFactory.ParseString(options.Hocon).GetStringList("akka.remote.dot-netty.tcp.applied-adapters", []));

    /// <summary>Stops without leaving: the others must notice by themselves.</summary>
    public Task AbandonAsync() => ((ExtendedActorSystem)System).Terminate();

    /// <summary>Leaves the cluster, as far as others still answer, and stops.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            using var late = new CancellationTokenSource(_patience * 4);
            await _host.StopAsync(late.Token);
        }
        catch (OperationCanceledException)
        {
            // Nobody answers: the others will notice by themselves.
        }

        if (_host is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync();
        }
    }

    private static string Public(NodeOptions options) => options.AdvertisedHost
        ?? (options.Bind is "0.0.0.0" or "::" ? global::System.Net.Dns.GetHostName() : options.Bind);
}
