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

/// <summary>An invariant does not hold.</summary>
internal sealed class Violation(string message) : Exception(message);
