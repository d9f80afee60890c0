namespace Orchestrator.Cluster;

/// <summary>
/// Every wait of a run has one of these deadlines. All follow from <see cref="Patience"/>, except how long honest work may take.
/// They must nest: whoever waits for another waits longer than that one may take to give up its own wait.
/// </summary>
public sealed record Deadlines
{
    /// <summary>The knob: how long a peer may be silent before it is taken for lost. Usually 2 to 30 s; default 4 s.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>The longest that honest work takes: a worker's leaves of one step, loading, saving. Default 10 min.</summary>
    public TimeSpan Work { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How often the coordinator asks every worker where it is, and repeats what was not answered.</summary>
    public TimeSpan Heartbeat => Patience / 8;

    /// <summary>After the first report of a failed step, how long others' reports and signs of life are gathered before anybody is dropped.</summary>
    public TimeSpan SuspectWindow => Patience / 10;

    /// <summary>On the data plane: no byte and no sign of life from a peer for so long ends the collective.</summary>
    public TimeSpan Progress => Patience;

    /// <summary>Until all ranks of a new generation have met: one of them may still have to finish a leaf. A dead one is noticed far earlier.</summary>
    public TimeSpan Connect => Work;

    /// <summary>A new coordinator waits so long for the answers of workers it knows of.</summary>
    public TimeSpan Takeover => Patience;

    /// <summary>On the control plane: a worker that has not answered for so long is dropped.</summary>
    public TimeSpan Silence => Patience * 2;

    /// <summary>On the control plane: a worker whose connection broke, and that has not answered since, is dropped after so long.</summary>
    public TimeSpan Doubt => Patience / 2;

    /// <summary>With no worker left, how long the run waits for one that still holds its state.</summary>
    public TimeSpan AllLost => Patience * 4;

    /// <summary>Akka: pause between heartbeats that its failure detector takes for granted.</summary>
    public TimeSpan AkkaPause => Patience * 0.75;

    /// <summary>
    /// Akka: how long the membership must have been quiet before the split-brain resolver acts. Who was stopped and wakes must have heard the others
    /// again by then, and who was downed must have been found unreachable and removed: it is the last resort, after what the coordinator and most
    /// control nodes find by themselves.
    /// </summary>
    public TimeSpan ResolverMargin => Patience * 1.5;

    /// <summary>Between the removal of the node that coordinated and the next coordinator. Short, because terms fence the old one, not time.</summary>
    public TimeSpan HandOver => Heartbeat;

    /// <summary>A worker without a coordinator for so long ends itself; longer than a hand-over takes.</summary>
    public TimeSpan Orphan => Patience * 12;

    /// <exception cref="ArgumentException">The deadlines do not nest; the message names the two that do not.</exception>
    public void Check()
    {
        Require(Patience >= TimeSpan.FromMilliseconds(100), $"patience is {Patience.TotalSeconds:0.###} s; needed is at least 0.1 s (usually 2 to 30 s).");
        Nest((nameof(Heartbeat), Heartbeat * 4), (nameof(Silence), Silence));
        Nest((nameof(SuspectWindow), SuspectWindow), (nameof(Progress), Progress));
        Nest((nameof(Progress), Progress), (nameof(Silence), Silence));
        Nest((nameof(Heartbeat), Heartbeat * 3), (nameof(Doubt), Doubt));
        Nest((nameof(Doubt), Doubt), (nameof(Silence), Silence));
        Nest((nameof(Silence), Silence), (nameof(AllLost), AllLost));
        Nest((nameof(AllLost), AllLost), (nameof(Orphan), Orphan));
        Nest(("Akka's detection, resolver and hand-over", (AkkaPause + ResolverMargin + HandOver) * 2 + Takeover), (nameof(Orphan), Orphan));
        Nest((nameof(Progress), Progress), (nameof(Work), Work));
    }

    private static void Nest((string Name, TimeSpan Value) inner, (string Name, TimeSpan Value) outer) =>
        Require(inner.Value < outer.Value, $"{inner.Name} ({inner.Value.TotalSeconds:0.###} s) must be shorter than {outer.Name} ({outer.Value.TotalSeconds:0.###} s).");

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException("Deadlines: " + message);
        }
    }
}
