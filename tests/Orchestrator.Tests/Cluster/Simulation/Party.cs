namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>A process that can die, be stopped (SIGSTOP) and wake (SIGCONT).</summary>
internal abstract class Party(World world, string name)
{
    private readonly List<Action> _missed = [];

    public string Name => name;

    public World World => world;

    public bool Alive { get; private set; } = true;

    public bool Stopped { get; private set; }

    public void After(TimeSpan delay, Action what) => world.Timeline.After(delay, this, what);

    /// <summary>Something happens to it; while it is stopped, it waits at the door.</summary>
    public void Meet(Action what)
    {
        if (Stopped)
        {
            _missed.Add(what);
        }
        else if (Alive)
        {
            what();
        }
    }

    public void Stop()
    {
        if (Alive)
        {
            world.Trace?.Invoke($"{name} is stopped");
            Stopped = true;
        }
    }

    public void Wake()
    {
        if (Stopped && Alive)
        {
            world.Trace?.Invoke($"{name} wakes");
        }

        Stopped = false;
        foreach (var what in _missed)
        {
            After(TimeSpan.Zero, what);
        }

        _missed.Clear();
    }

    public void Die()
    {
        if (Alive)
        {
            (Alive, Stopped) = (false, false);
            _missed.Clear();
            Died();
        }
    }

    protected abstract void Died();
}
