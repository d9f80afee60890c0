using Google.Protobuf;
using Orchestrator.Cluster;
using Orchestrator.Cluster.Protocol;
using StepId = Orchestrator.Core.StepId;

namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>A worker's process: the protocol's worker around a driver. It may be a member of the cluster several times, each time under a new id.</summary>
internal sealed class SimWorker : Party
{
    private int _memberships;
    private bool _over;
    private bool _rejoins;
    private string _wish = "";

    public SimWorker(World world, int number)
        : base(world, $"w{number}")
    {
        Endpoint = $"{Name}:1|host{number % 2}|{number}";
        Rules = new WorkerRules { Name = Name, Endpoint = Endpoint, Grace = TimeSpan.FromSeconds(6), Deadlines = world.Scenario.Rules.Deadlines };
        Driver = new SimDriver(world, this);
        State = WorkerState.Start(world.Now);
    }

    public string Endpoint { get; }

    public SimDriver Driver { get; }

    public WorkerRules Rules { get; }

    public WorkerState State { get; private set; }

    /// <summary>Id of the present membership.</summary>
    public string Membership { get; private set; } = "";

    public bool IsSlow { get; set; }

    public bool FailNext { get; set; }

    public bool FlipNext { get; set; }

    public bool CorruptNext { get; set; }

    public void Join()
    {
        Membership = $"{Name}#{++_memberships}";
        (_over, _rejoins) = (false, false);
        World.Members.Add(Membership, this);
        TickLater(Membership);
    }

    public void Hear(string membership, SimCoordinator from, IMessage command)
    {
        if (membership == Membership && !_over)
        {
            World.Trace?.Invoke($"{Membership} hears {from.Name}: {command.Descriptor.Name} {command}");
            Decide(new CommandHeard(from.Name, command));
        }
    }

    public void Leave(string reason)
    {
        _wish = reason;
        if (!_over)
        {
            Decide(new LeaveRequested(reason));
        }
    }

    /// <summary>The cluster has removed it: it comes back as a new member, with what it holds.</summary>
    public void Fence(string membership)
    {
        if (membership == Membership && !_over)
        {
            World.Trace?.Invoke($"{Membership} finds itself removed");
            Over(rejoins: true);
        }
    }

    public void LeavesAreDone(StepId id)
    {
        if (!_over)
        {
            Decide(new LeavesDone(id));
        }
    }

    public void WorkEnds(WorkEnded ended)
    {
        World.Trace?.Invoke($"{Membership}: {ended.Work.GetType().Name} ends in {ended.Result}");
        if (!_over)
        {
            Decide(ended);
            return;
        }

        if (State.Running == ended.Work)
        {
            State = World.Protocol.Worker(State with { Ended = false, Waiting = [] }, ended, World.Now, Rules).State;
        }

        Close();
    }

    protected override void Died()
    {
        World.Trace?.Invoke($"{Name} is gone");
        Driver.Close();
        World.Members.Doubt(this, World.Dice.Milliseconds(1, 50));
    }

    private void Decide(WorkerInput input)
    {
        var before = State;
        var (state, effects, why) = World.Protocol.Worker(before, input, World.Now, Rules);
        State = state;
        World.Trace?.Invoke($"{Membership}: {(why.Length > 0 ? why : input.GetType().Name)}");
        World.Ledger.Decides(this, before, effects);
        foreach (var effect in effects)
        {
            Do(effect);
        }
    }

    private void Do(WorkerEffect effect)
    {
        switch (effect)
        {
            case Reply reply when World.CoordinatorCalled(reply.To) is { Alive: true, Ended: false } coordinator:
                var membership = Membership;
                World.Network.Carry(this, coordinator, () => coordinator.Hear(membership, reply.Message));
                break;
            case BeginWork begin:
                Driver.Begin(begin.Work);
                break;
            case CancelWork:
                Driver.Cancel();
                break;
            case EndWorker end:
                World.Trace?.Invoke($"{Membership} ends, {end.End}{(end.Rejoin ? ", and joins again" : "")}: {end.Reason}");
                Over(end.Rejoin);
                break;
        }
    }

    private void Over(bool rejoins)
    {
        (_over, _rejoins) = (true, rejoins);
        World.Members.Leave(Membership);
        Driver.Cancel();
        if (Driver.Running is null)
        {
            Close();
        }
    }

    /// <summary>The membership is over and nothing is being done: the process ends, or joins again.</summary>
    private void Close()
    {
        if (!_rejoins || _wish.Length > 0)
        {
            Die();
            return;
        }

        After(World.Dice.Milliseconds(10, 1000), () =>
        {
            State = State.Rejoin(World.Now);
            Join();
            if (_wish.Length > 0)
            {
                Decide(new LeaveRequested(_wish));
            }
        });
    }

    private void TickLater(string membership) => After(Rules.Deadlines.Heartbeat * 2, () =>
    {
        if (membership == Membership && !_over)
        {
            Decide(new WorkerTick());
            TickLater(membership);
        }
    });
}
