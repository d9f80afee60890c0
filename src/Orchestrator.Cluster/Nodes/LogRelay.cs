using Akka.Actor;
using Akka.Event;

namespace Orchestrator.Cluster.Nodes;

/// <summary>Passes Akka's own warnings on to the log of this process.</summary>
internal sealed class LogRelay : ReceiveActor
{
    public LogRelay(Action<string> log) => Receive<LogEvent>(line => log($"akka: {line.LogLevel()} {line.LogSource} {line.Message} {line.Cause?.Message}".TrimEnd()));

    protected override void PreStart() => Context.System.EventStream.Subscribe(Self, typeof(LogEvent));
}
