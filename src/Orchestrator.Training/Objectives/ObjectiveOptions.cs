using System.Collections.Immutable;
using System.ComponentModel.DataAnnotations;

namespace Orchestrator.Training.Objectives;

/// <summary>Section "objective" of the run file. Names are those of TRL where it has them. Checked by <see cref="Objective.Create"/>.</summary>
public sealed record ObjectiveOptions
{
    /// <summary>One or more of <see cref="Objective.Names"/>; several are added with <see cref="LossWeights"/>.</summary>
    public ImmutableArray<string> LossType { get; init; } = ["sigmoid"];

    /// <summary>One for each loss type; empty: 1 each.</summary>
    public ImmutableArray<double> LossWeights { get; init; } = [];

    /// <summary>Strength of the pull towards the reference, unitless; usually 0.1 to 0.5, and 2 to 10 for losses of mean log-probabilities.</summary>
    [Range(0.0, 1000.0, MinimumIsExclusive = true)]
    public double Beta { get; init; } = 0.1;

    /// <summary>Assumed share of pairs whose answers are swapped, in [0, 0.5).</summary>
    [Range(0.0, 0.5, MaximumIsExclusive = true)]
    public double LabelSmoothing { get; init; }

    /// <summary>Takes a reference that finds every completion equally likely: its log-probabilities count as 0, and it is not loaded.</summary>
    public bool ReferenceFree { get; init; }
}
