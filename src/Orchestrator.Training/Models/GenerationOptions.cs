using System.ComponentModel.DataAnnotations;

namespace Orchestrator.Training.Models;

/// <summary>How a model continues a prompt.</summary>
public sealed record GenerationOptions
{
    /// <summary>Tokens a continuation may have at most, its end token included.</summary>
    [Range(1, int.MaxValue)]
    public int MaxNewTokens { get; init; } = 128;

    /// <summary>Logits are divided by it before sampling; 0 takes the most likely token each time (greedy). Usually 0.7 to 1.</summary>
    [Range(0.0, 100.0)]
    public double Temperature { get; init; } = 1;

    /// <summary>
    /// Samples from the fewest most likely tokens that together have this share of the probability; 1 samples from all.
    /// Holtzman et al. 2020, arXiv:1904.09751.
    /// </summary>
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double TopP { get; init; } = 1;

    /// <summary>Prompt i draws from stream i of this seed, whatever else is generated beside it.</summary>
    public long Seed { get; init; }

    /// <summary>A continuation ends with this token; null: each has <see cref="MaxNewTokens"/>.</summary>
    public int? EosId { get; init; }

    /// <summary>Prompts that go through the model together. It bounds memory and changes no result but for rounding.</summary>
    [Range(1, 65536)]
    public int RowsAtOnce { get; init; } = 32;
}
