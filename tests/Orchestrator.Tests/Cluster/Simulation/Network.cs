namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>Loses, doubles, delays and so reorders what parties say to each other, and is cut here and there for a while.</summary>
internal sealed class Network(World world)
{
    private readonly List<(Party One, Party? Other)> _cuts = [];

    public bool IsCutAnywhere => _cuts.Count > 0;

    /// <param name="other">null: from everybody.</param>
    public void Cut(Party one, Party? other, TimeSpan lasts)
    {
        world.Trace?.Invoke($"cut off: {one.Name} and {other?.Name ?? "everybody"} for {lasts.TotalSeconds:0.00} s");
        _cuts.Add((one, other));
        world.Timeline.After(lasts, null, () =>
        {
            _cuts.Remove((one, other));
            world.Trace?.Invoke($"healed: {one.Name} and {other?.Name ?? "everybody"}");
        });
    }

    public bool IsCut(Party one, Party other)
    {
        foreach (var (a, b) in _cuts)
        {
            if ((a == one && (b is null || b == other)) || (a == other && (b is null || b == one)))
            {
                return true;
            }
        }

        return false;
    }

    public void Carry(Party from, Party to, Action deliver)
    {
        var scenario = world.Scenario;
        if (IsCut(from, to) || (world.Disturbed && world.Dice.Chance(scenario.Lost)))
        {
            return;
        }

        to.After(Delay(), deliver);
        if (world.Disturbed && world.Dice.Chance(scenario.Doubled))
        {
            to.After(Delay() * 3, deliver);
        }
    }

    private TimeSpan Delay() => world.Disturbed && world.Dice.Chance(world.Scenario.Delayed)
        ? world.Dice.Milliseconds(5, world.Scenario.Late.TotalMilliseconds)
        : world.Dice.Milliseconds(0.2, 5);
}
