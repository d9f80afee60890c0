namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>The cluster's membership: who has joined, in what life; coordinators hear of changes a little later, each at its own time.</summary>
internal sealed class Members(World world)
{
    private readonly Dictionary<string, SimWorker> _all = [];
    private readonly List<string> _present = [];

    public IReadOnlyList<string> Present => _present;

    public void Add(string membership, SimWorker worker)
    {
        world.Trace?.Invoke($"{membership} joins the cluster");
        _all[membership] = worker;
        _present.Add(membership);
        foreach (var coordinator in world.Coordinating)
        {
            coordinator.See(membership);
        }
    }

    /// <summary>The process behind a membership, dead or alive.</summary>
    public SimWorker? Find(string membership) => _all.GetValueOrDefault(membership);

    /// <summary>A member has said that it leaves.</summary>
    public void Leave(string membership) => world.Timeline.After(world.Dice.Milliseconds(50, 1500), null, () => Remove(membership));

    /// <summary>A coordinator has a member removed; it finds out, if it lives and when it wakes.</summary>
    public void Expel(string membership) => world.Timeline.After(world.Dice.Milliseconds(10, 500), null, () =>
    {
        Remove(membership);
        var worker = _all[membership];
        worker.After(world.Dice.Milliseconds(50, 3000), () => worker.Fence(membership));
    });

    /// <summary>A member's connections broke, or it is silent for long: coordinators are told, if they notice.</summary>
    public void Doubt(SimWorker worker, TimeSpan after) => world.Timeline.After(after, null, () =>
    {
        foreach (var coordinator in world.Coordinating.Where(_ => world.Dice.Chance(0.8)))
        {
            coordinator.Doubt(worker.Membership);
        }
    });

    private void Remove(string membership)
    {
        if (_present.Remove(membership))
        {
            foreach (var coordinator in world.Coordinating)
            {
                coordinator.Miss(membership);
            }
        }
    }
}
