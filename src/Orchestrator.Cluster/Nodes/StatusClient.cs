using System.Net;
using System.Text.Json;
using Akka.Actor;
using Akka.Configuration;
using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Nodes;

/// <summary>Asks a run's control node, without joining the run.</summary>
internal static class StatusClient
{
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(2);

    public static async Task<RunStatus> AskAsync(string address, string token, TimeSpan timeout, CancellationToken cancellation)
    {
        var here = Dns.GetHostName();
        var config = ConfigurationFactory.ParseString($$"""
            akka.actor.provider = remote
            akka.remote.dot-netty.tcp { hostname = "0.0.0.0", port = 0, public-hostname = "{{here}}" }
            """).WithFallback(NodeConfig.For(new Deadlines()));
        var system = ActorSystem.Create($"{Roles.System}-question", config);
        try
        {
            var desk = system.ActorSelection($"akka.tcp://{Roles.System}@{address}/user/{Roles.Desk}");
            var reply = await AskAsync(desk, token, timeout, cancellation);
            return reply.Error.Length > 0
                ? throw new UnauthorizedAccessException(reply.Error)
                : JsonSerializer.Deserialize<RunStatus>(reply.Status.Span)!;
        }
        catch (AskTimeoutException error)
        {
            throw new TimeoutException($"No run answered at {address} within {timeout.TotalSeconds:0.#} s. Is it the control address, and can this machine reach it?", error);
        }
        finally
        {
            await system.Terminate();
        }
    }

    /// <summary>A question may be lost, and is asked again.</summary>
    private static async Task<StatusReply> AskAsync(ActorSelection desk, string token, TimeSpan timeout, CancellationToken cancellation)
    {
        for (var left = timeout; ; left -= Again)
        {
            try
            {
                return await desk.Ask<StatusReply>(new StatusQuery { Token = token }, left < Again ? left : Again, cancellation);
            }
            catch (AskTimeoutException) when (left > Again)
            {
            }
        }
    }
}
