using System.Net;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Google.Protobuf;
using Orchestrator.Collectives;

namespace Orchestrator.Cluster.Nodes;

/// <summary>Asks a run's control nodes, without joining the run.</summary>
internal static class ControlClient
{
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(2);

    /// <summary>A question may be lost, and is asked again; the first answer of any node counts.</summary>
    /// <exception cref="TimeoutException">Nobody answered.</exception>
    public static async Task<T> AskAsync<T>(IReadOnlyList<string> addresses, IMessage question, TlsOptions? tls, TimeSpan timeout, CancellationToken cancellation)
        where T : IMessage
    {
        var config = ConfigurationFactory.ParseString($$"""
            akka.actor.provider = remote
            akka.remote.dot-netty.tcp { hostname = "0.0.0.0", port = 0, public-hostname = "{{Dns.GetHostName()}}" }
            """).WithFallback(NodeConfig.For(new Deadlines()));
        var setup = tls is null
            ? ActorSystemSetup.Empty.And(BootstrapSetup.Create().WithConfig(config))
            : ActorSystemSetup.Empty.And(BootstrapSetup.Create().WithConfig(ControlTls.Config.WithFallback(config))).And(ControlTls.Setup(tls));
        var system = ActorSystem.Create($"{Roles.System}-question", setup);
        try
        {
            var desks = addresses.Select(address => system.ActorSelection($"{ControlTls.Scheme(tls)}://{Roles.System}@{address}/user/{Roles.Desk}")).ToArray();
            return await AskAsync<T>(desks, question, timeout, cancellation);
        }
        catch (AskTimeoutException error)
        {
            throw new TimeoutException(
                $"No run answered at {string.Join(", ", addresses)} within {timeout.TotalSeconds:0.#} s. Is it the control address, and can this machine reach it{(tls is null ? "" : " by TLS")}?", error);
        }
        finally
        {
            await system.Terminate();
        }
    }

    private static async Task<T> AskAsync<T>(ActorSelection[] desks, IMessage question, TimeSpan timeout, CancellationToken cancellation)
        where T : IMessage
    {
        for (var (left, turn) = (timeout, 0); ; left -= Again, turn++)
        {
            try
            {
                return await desks[turn % desks.Length].Ask<T>(question, left < Again ? left : Again, cancellation);
            }
            catch (AskTimeoutException) when (left > Again)
            {
            }
        }
    }
}
