namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>What each kind of fault does.</summary>
internal static class Faults
{
    public static void Strike(World world, Fault fault)
    {
        var coordinator = world.Coordinating.LastOrDefault(c => !c.Stopped);
        var workers = world.Workers.Where(w => w.Alive && !(world.Scenario.MustComplete && w == world.Workers[0])).ToList();
        if (fault.Kind == FaultKind.JoinWorker)
        {
            world.AddWorker();
        }
        else if (fault.Kind >= FaultKind.CrashCoordinator)
        {
            if (coordinator is not null)
            {
                StrikeControl(world, fault, coordinator);
            }
        }
        else if (workers.Count > 0)
        {
            StrikeWorker(world, fault, workers[fault.Target % workers.Count]);
        }
    }

    private static void StrikeWorker(World world, Fault fault, SimWorker worker)
    {
        world.Trace?.Invoke($"FAULT {fault.Kind} {worker.Name}");
        switch (fault.Kind)
        {
            case FaultKind.CrashWorker:
                worker.Die();
                if (world.Dice.Chance(0.6))
                {
                    world.Timeline.After(fault.For, null, world.AddWorker);
                }

                break;
            case FaultKind.StopWorker:
                worker.Stop();
                world.Timeline.After(fault.For, null, worker.Wake);
                DoubtIfLong(world, fault, worker);
                break;
            case FaultKind.LeaveWorker:
                worker.Meet(() => worker.Leave("preempted"));
                break;
            case FaultKind.SlowWorker:
                worker.IsSlow = true;
                world.Timeline.After(fault.For, null, () => worker.IsSlow = false);
                break;
            case FaultKind.FailWork:
                worker.FailNext = true;
                break;
            case FaultKind.CorruptGradient:
                worker.CorruptNext = true;
                break;
            case FaultKind.FlipLeaf:
                worker.FlipNext = true;
                break;
            case FaultKind.IsolateWorker:
                world.Network.Cut(worker, null, fault.For);
                DoubtIfLong(world, fault, worker);
                break;
            case FaultKind.CutControl when world.Coordinating.FirstOrDefault() is { } other:
                world.Network.Cut(worker, other, fault.For);
                world.Members.Doubt(worker, fault.For / 2);
                break;
            case FaultKind.CutData when world.Workers.FirstOrDefault(w => w.Alive && w != worker) is { } peer:
                world.Network.Cut(worker, peer, fault.For);
                break;
        }
    }

    private static void DoubtIfLong(World world, Fault fault, SimWorker worker)
    {
        var pause = world.Scenario.Rules.Deadlines.AkkaPause;
        if (fault.For > pause)
        {
            world.Members.Doubt(worker, pause);
        }
    }

    private static void StrikeControl(World world, Fault fault, SimCoordinator coordinator)
    {
        world.Trace?.Invoke($"FAULT {fault.Kind} {coordinator.Name}");
        switch (fault.Kind)
        {
            case FaultKind.CrashCoordinator:
                coordinator.Die();
                break;
            case FaultKind.HandOver:
                world.Succeed(world.Dice.Milliseconds(0, 500));
                coordinator.Die();
                break;
            case FaultKind.StopCoordinator:
                StopCoordinator(world, fault, coordinator);
                break;
            case FaultKind.SecondCoordinator when world.HasSpareControlNode:
                world.Succeed(TimeSpan.Zero);
                world.Timeline.After(fault.For, null, coordinator.Die);
                break;
            case FaultKind.SplitControl when world.HasSpareControlNode:
                Split(world, fault, coordinator);
                break;
            case FaultKind.StopRun:
                coordinator.StopRun();
                break;
        }
    }

    /// <summary>Another takes over while it sleeps; when it wakes, it coordinates on until the cluster's membership catches up with it.</summary>
    private static void StopCoordinator(World world, Fault fault, SimCoordinator coordinator)
    {
        coordinator.Stop();
        world.Timeline.After(fault.For, null, coordinator.Wake);
        if (world.HasSpareControlNode && fault.For > TimeSpan.FromSeconds(1))
        {
            world.Succeed(world.Dice.Milliseconds(500, 7000));
            world.Timeline.After(fault.For + world.Dice.Milliseconds(100, 5000), null, coordinator.Die);
        }
    }

    /// <summary>Two coordinators, each of which reaches some of the workers; then the old one is removed.</summary>
    private static void Split(World world, Fault fault, SimCoordinator old)
    {
        world.Succeed(TimeSpan.Zero);
        world.Timeline.After(TimeSpan.Zero, null, () =>
        {
            var successor = world.Coordinating.Last();
            foreach (var worker in world.Workers.Where(w => w.Alive))
            {
                world.Network.Cut(worker, world.Dice.Chance(0.5) ? old : successor, fault.For);
            }
        });
        world.Timeline.After(fault.For, null, old.Die);
    }
}
