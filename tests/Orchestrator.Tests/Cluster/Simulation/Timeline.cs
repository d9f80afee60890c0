using Orchestrator.Core;

namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>Virtual time: what is to happen, in order of its time; what is at one time happens in the order it was planned.</summary>
internal sealed class Timeline
{
    private const int OrderBits = 22;

    private readonly PriorityQueue<(Party? Who, Action What), long> _planned = new();
    private int _count;

    public TimeSpan Now { get; private set; }

    public int Happened { get; private set; }

    public bool IsEmpty => _planned.Count == 0;

    /// <param name="who">It happens to this party: not at all if it is dead by then, and later if it is stopped.</param>
    public void After(TimeSpan delay, Party? who, Action what)
    {
        if (++_count >= 1 << OrderBits)
        {
            throw new Violation($"the schedule does not come to rest: {_count} events are planned");
        }

        _planned.Enqueue((who, what), ((Now + delay).Ticks / TimeSpan.TicksPerMicrosecond << OrderBits) | (uint)_count);
    }

    public void Next()
    {
        _planned.TryDequeue(out var planned, out var key);
        Now = TimeSpan.FromMicroseconds(key >> OrderBits);
        Happened++;
        if (planned.Who is null)
        {
            planned.What();
        }
        else
        {
            planned.Who.Meet(planned.What);
        }
    }
}

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

/// <summary>An invariant does not hold.</summary>
internal sealed class Violation(string message) : Exception(message);

/// <summary>Chance, from the schedule's seed.</summary>
internal sealed class Dice(long seed)
{
    private readonly SplitMix64 _random = new(seed);

    public bool Chance(double probability) => probability > 0 && _random.NextDouble() < probability;

    public int Of(int count) => _random.Next(count);

    /// <summary>Both included.</summary>
    public int Between(int low, int high) => low + _random.Next(high - low + 1);

    public TimeSpan Milliseconds(double low, double high) => TimeSpan.FromMicroseconds((long)((low + (high - low) * _random.NextDouble()) * 1000));

    public T Pick<T>(IReadOnlyList<T> from) => from[_random.Next(from.Count)];
}
