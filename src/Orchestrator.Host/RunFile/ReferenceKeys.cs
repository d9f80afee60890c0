using System.Collections.Immutable;

namespace Orchestrator.Host.RunFile;

/// <summary>Section "reference": when the reference's log-probabilities are computed.</summary>
public static class ReferenceKeys
{
    private const string Section = "reference";

    public static readonly Key<string> Logps = new(Section, "reference_logps", Kinds.Choice(["live", "precompute", "auto"]), "auto",
        "live: in every step; precompute: once before training, then the reference leaves memory.");

    public static ImmutableArray<Key> All { get; } = [Logps];
}
