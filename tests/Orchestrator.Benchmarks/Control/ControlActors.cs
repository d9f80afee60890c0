using Akka.Actor;
using Akka.Configuration;
using Google.Protobuf;
using Orchestrator.Cluster.Protocol;

namespace Orchestrator.Benchmarks.Control;

/// <summary>Coordinator and workers as actors of two systems of this process, which talk over a socket with the run's own serialization and settings of the transport.</summary>
internal static class ControlActors
{
    private const string Settings = """
        akka {
          loglevel = ERROR
          stdout-loglevel = OFF
          loggers = []
          actor.provider = remote
          actor.orchestrator-dispatcher { type = ForkJoinDispatcher, executor = fork-join-executor, throughput = 5, dedicated-thread-pool { thread-count = 2, threadtype = background } }
          remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0, maximum-frame-size = 1 MiB, send-buffer-size = 2 MiB, receive-buffer-size = 2 MiB }
        }
        """;

    public static async Task RunAsync(SimulatedCoordinator coordinator, int workers, TimeSpan patience)
    {
        var config = ConfigurationFactory.ParseString(Settings);
        using var control = ActorSystem.Create("control", config);
        using var cluster = ActorSystem.Create("workers", config);
        var address = ((ExtendedActorSystem)cluster).Provider.DefaultAddress;
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var refs = new Dictionary<string, IActorRef>();
        for (var worker = 0; worker < workers; worker++)
        {
            var name = $"w{worker}";
            cluster.ActorOf(Props.Create(() => new WorkerShell(name, coordinator)), name);
            refs[name] = await control.ActorSelection(new RootActorPath(address) / "user" / name).ResolveOne(patience);
        }

        control.ActorOf(Props.Create(() => new CoordinatorShell(coordinator, refs, done)).WithDispatcher("akka.actor.orchestrator-dispatcher"), SimulatedCoordinator.Id);
        await done.Task.WaitAsync(patience);
        await control.Terminate();
        await cluster.Terminate();
    }

    private sealed class CoordinatorShell : ReceiveActor
    {
        private readonly SimulatedCoordinator _coordinator;
        private readonly Dictionary<string, IActorRef> _workers;
        private readonly TaskCompletionSource _done;

        public CoordinatorShell(SimulatedCoordinator coordinator, Dictionary<string, IActorRef> workers, TaskCompletionSource done)
        {
            (_coordinator, _workers, _done) = (coordinator, workers, done);
            Receive<IMessage>(message => Decide(new AnswerHeard(Sender.Path.Name, message)));
        }

        protected override void PreStart()
        {
            foreach (var worker in _workers.Keys)
            {
                Decide(new WorkerSeen(worker));
            }
        }

        private void Decide(CoordinatorInput input)
        {
            try
            {
                foreach (var (to, message) in _coordinator.Decide(input))
                {
                    _workers[to].Tell(message);
                }
            }
            catch (Exception error)
            {
                _done.TrySetException(error);
                throw;
            }

            if (_coordinator.IsDone)
            {
                _done.TrySetResult();
            }
        }
    }

    private sealed class WorkerShell : ReceiveActor
    {
        public WorkerShell(string name, SimulatedCoordinator coordinator)
        {
            var worker = new SimulatedWorker(name);
            Receive<IMessage>(command =>
            {
                foreach (var reply in worker.Hear(SimulatedCoordinator.Id, command, coordinator.Now))
                {
                    Sender.Tell(reply);
                }
            });
        }
    }
}
