namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>What a rank brings to a reduction: its leaves, and what they are worth.</summary>
internal readonly record struct Part(ulong Leaves, ulong Bad, ulong Sum);

/// <summary>One reduction of one generation: every rank's part, added once all are there.</summary>
internal sealed class Reduction(int size)
{
    private readonly Part?[] _parts = new Part?[size];
    private int _missing = size;

    public SimDriver?[] Drivers { get; } = new SimDriver?[size];

    public bool IsDone { get; private set; }

    public int? AbortedBy { get; set; }

    public bool IsComplete => _missing == 0;

    public int FirstMissing => Array.FindIndex(_parts, part => part is null) is var rank && rank >= 0 ? rank : 0;

    public void Put(int rank, Part part, SimDriver driver)
    {
        _missing -= _parts[rank] is null ? 1 : 0;
        (_parts[rank], Drivers[rank]) = (part, driver);
    }

    public Gradient Close()
    {
        IsDone = true;
        var gradient = new Gradient(0, false, 0, true);
        foreach (var part in _parts)
        {
            gradient = new Gradient(
                gradient.Counted | part!.Value.Leaves,
                gradient.CountedTwice || (gradient.Counted & part.Value.Leaves) != 0,
                gradient.Digest + part.Value.Sum,
                gradient.Finite && part.Value.Bad == 0);
        }

        return gradient.Finite ? gradient : gradient with { Digest = ~gradient.Digest };
    }
}
