using Akka.Actor;
using Google.Protobuf;
using Orchestrator.Cluster.Protocol;
using Orchestrator.Core;

namespace Orchestrator.Cluster.Actors;

/// <summary>
/// The thin shell of <see cref="WorkerProtocol"/>: hears commands, lets the driver work, sends answers. Its state lies in the session, which outlives it.
/// </summary>
internal sealed class WorkerActor : ReceiveActor, IWithTimers
{
    private readonly WorkerSession _session;
    private readonly Dictionary<string, IActorRef> _coordinators = [];

    public WorkerActor(WorkerSession session)
    {
        _session = session;
        Receive<IMessage>(Hear);
        Receive<Local<WorkerInput>>(local => Decide(local.Input));
        Receive<Tick>(_ => Decide(new WorkerTick()));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart()
    {
        Timers.StartPeriodicTimer("tick", Tick.Now, _session.Rules.Deadlines.Heartbeat);
        var self = Self;
        _session.Driver.LeavesDone = id => self.Tell(new Local<WorkerInput>(new LeavesDone(id)));
        _session.Stopping.Register(reason =>
        {
            FaultPoint.Reach(FaultPoint.Leaving);
            self.Tell(new Local<WorkerInput>(new LeaveRequested(reason)));
        });
    }

    private void Hear(IMessage command)
    {
        var from = Sender.Path.ToSerializationFormat();
        _coordinators[from] = Sender;
        Decide(new CommandHeard(from, command));
    }

    private void Decide(WorkerInput input)
    {
        foreach (var effect in _session.Decide(input))
        {
            switch (effect)
            {
                case Reply reply when _coordinators.TryGetValue(reply.To, out var coordinator):
                    coordinator.Tell(reply.Message);
                    break;
                case BeginWork begin:
                    var self = Self;
                    _session.Begin(begin.Work).PipeTo(self, success: ended => new Local<WorkerInput>(ended));
                    break;
                case CancelWork:
                    _session.Cancel();
                    break;
                case ForgetShipped forget:
                    _session.Driver.ForgetShipped(forget.Step);
                    break;
                case EndWorker end:
                    _session.End(end);
                    break;
            }
        }
    }
}
