using Akka.Actor;
using Akka.Cluster;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Nodes;
using Orchestrator.Cluster.Protocol;

namespace Orchestrator.Cluster.Actors;

/// <summary>
/// Where a control node is spoken to from outside, at a fixed path: tells who wants to join what the run is, passes other questions on to the
/// coordinator, wherever it is, and tells the other control nodes that the run is over. Who hears that passes it on once, so that it is known
/// though the one that said it dies while it speaks.
/// </summary>
internal sealed class DeskActor : ReceiveActor
{
    private readonly Akka.Cluster.Cluster _cluster = Akka.Cluster.Cluster.Get(Context.System);

    public DeskActor(ControlDesk desk, RunRules rules, IActorRef coordinator)
    {
        Receive<StatusQuery>(query => coordinator.Forward(query));
        Receive<JobQuery>(query => Sender.Tell(Answer(query, rules)));
        Receive<RunOver>(over => over.Token == rules.Token, over =>
        {
            if (desk.Over(over))
            {
                TellOthers(over);
            }
        });
        Receive<Local<RunOver>>(local => TellOthers(local.Input));
    }

    private static JobReply Answer(JobQuery query, RunRules rules) => query.Token != rules.Token
        ? new JobReply { Error = "The token is not this run's: give the one its nodes were started with." }
        : new JobReply
        {
            Job = rules.Job,
            Files = rules.Files,
            FirstTerm = rules.FirstTerm,
            PatienceSeconds = rules.Deadlines.Patience.TotalSeconds,
            WorkSeconds = rules.Deadlines.Work.TotalSeconds,
        };

    private void TellOthers(RunOver over)
    {
        foreach (var member in _cluster.State.Members.Where(m => m.HasRole(Roles.Control) && m.Address != _cluster.SelfAddress))
        {
            Context.ActorSelection(new RootActorPath(member.Address) / "user" / Roles.Desk).Tell(over);
        }
    }
}
