using System.Collections.Immutable;
using Orchestrator.Training.Models.Adapters;

namespace Orchestrator.Training;

/// <summary>Training adapters instead of weights.</summary>
public sealed record LoraOptions
{
    /// <summary>A fresh adapter; null: the one in the job's "adapter/" goes on, and a frozen copy of it is the reference.</summary>
    public LoraSpec? New { get; init; }

    /// <summary>Where a fresh adapter sits: names of projections, "all-linear", or "default".</summary>
    public ImmutableArray<string> TargetModules { get; init; } = [LoraTargets.Default];

    /// <summary>Decides the start of a fresh adapter.</summary>
    public long Seed { get; init; }

    /// <summary>What saved adapters call their model; null where nobody knows.</summary>
    public string? BaseModel { get; init; }
}
