using Google.Protobuf;
using Orchestrator.Cluster;
using Orchestrator.Cluster.Protocol;

namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>A control node while it coordinates: the protocol's coordinator, and what its shell does for it.</summary>
internal sealed class SimCoordinator : Party
{
    public SimCoordinator(World world, int number)
        : base(world, $"c{number}") => State = CoordinatorState.Start(Name, world.Scenario.Rules, world.Now);

    public CoordinatorState State { get; private set; }

    public bool Ended => State.Stage == Stage.Ended;

    public void Begin()
    {
        World.Trace?.Invoke($"{Name} begins to coordinate");
        After(World.Dice.Milliseconds(1, 50), () =>
        {
            foreach (var member in World.Members.Present)
            {
                Decide(new WorkerSeen(member));
            }
        });
        TickLater();
    }

    public void See(string member) => After(World.Dice.Milliseconds(1, 50), () => Decide(new WorkerSeen(member)));

    public void Miss(string member) => After(World.Dice.Milliseconds(10, 500), () => Decide(new WorkerGone(member, "its node has left the cluster")));

    public void Doubt(string member) => After(World.Dice.Milliseconds(1, 20), () => Decide(new WorkerDoubted(member, "its connection broke")));

    public void Hear(string member, IMessage message)
    {
        World.Trace?.Invoke($"{Name} hears {member}: {message.Descriptor.Name} {message}");
        Decide(new AnswerHeard(member, message));
    }

    public void StopRun() => Decide(new StopRequested("the run was asked to stop"));

    protected override void Died() => World.CoordinatorLost(this);

    private void Decide(CoordinatorInput input)
    {
        if (Ended)
        {
            return;
        }

        var before = State;
        var (state, effects, why) = World.Protocol.Coordinator(before, input, World.Now, World.Scenario.Rules);
        State = state;
        if (why.Length > 0)
        {
            World.Trace?.Invoke($"{Name}: {why}");
        }

        World.Ledger.Decides(this, before, effects);
        foreach (var effect in effects)
        {
            Do(effect);
        }
    }

    private void Do(CoordinatorEffect effect)
    {
        switch (effect)
        {
            case Send send when World.Members.Find(send.To) is { } worker:
                World.Network.Carry(this, worker, () => worker.Hear(send.To, this, send.Message));
                break;
            case Publish { Event: var happened }:
                World.Trace?.Invoke($"{Name} publishes {happened}");
                break;
            case Expel expel:
                World.Members.Expel(expel.Worker);
                break;
            case LookAt look:
                Look(look.Worker);
                break;
            case WakeAt wake:
                After(wake.Time > World.Now ? wake.Time - World.Now : TimeSpan.Zero, () => Decide(new CoordinatorTick()));
                break;
            case FetchCheckpoint fetch:
                Fetch(fetch);
                break;
            case EndRun end:
                World.CoordinatorEnds(this, end.Outcome);
                break;
        }
    }

    /// <summary>Its machine answers for a process that is gone; for one that lives or is cut off nobody does.</summary>
    private void Look(string member) => After(World.Dice.Milliseconds(1, 50), () =>
    {
        if (World.Members.Find(member) is { } worker && (!worker.Alive || worker.Membership != member) && !World.Network.IsCut(this, worker))
        {
            Decide(new WorkerRefuses(member));
        }
    });

    private void Fetch(FetchCheckpoint fetch) => After(World.Dice.Milliseconds(5, 100), () =>
    {
        var source = World.WorkerAt(fetch.Endpoint);
        var reached = source is { Alive: true, Stopped: false } && !World.Network.IsCut(this, source);
        Decide(new CheckpointFetched(fetch.Step, reached ? "" : "its files cannot be fetched"));
    });

    private void TickLater() => After(World.Scenario.Rules.Deadlines.Heartbeat, () =>
    {
        if (!Ended)
        {
            Decide(new CoordinatorTick());
            TickLater();
        }
    });
}
