using System.Collections.Immutable;

namespace Orchestrator.Training.Objectives;

/// <summary>A row of the table of pairwise losses.</summary>
/// <param name="Name">As TRL names it, where it does.</param>
internal sealed record Formula(string Name, PairLoss Loss)
{
    /// <summary>Every pairwise loss there is. To add one: a function in its own file, and a row here.</summary>
    public static ImmutableArray<Formula> Table { get; } =
    [
        new("sigmoid", Sigmoid.Loss) { Smoothing = true },
        new("sft", Sft.Term) { Reference = false },
    ];

    /// <summary>Compares with the reference.</summary>
    public bool Reference { get; init; } = true;

    /// <summary>Has a meaning for label smoothing.</summary>
    public bool Smoothing { get; init; }
}
