using System.Collections.Immutable;

namespace Orchestrator.Host.RunFile;

/// <summary>Section "reference": when its log-probabilities are computed, and whether it moves.</summary>
public static class ReferenceKeys
{
    private const string Section = "reference";

    public static readonly Key<string> Logps = new(Section, "reference_logps", Kinds.Choice(["live", "precompute", "auto"], ("true", "precompute"), ("false", "live")), "auto",
        "live: in every step; precompute: once for all rows before the first step, then the reference leaves memory; auto: precompute where pairs come again or both models do not fit.")
    {
        Aliases = ["precompute_ref_log_probs"],
    };

    public static readonly Key<bool> Sync = new(Section, "sync_ref_model", Kinds.Flag, false,
        "TR-DPO, arXiv:2404.09656: the reference moves towards the policy while it trains; not with adapters or precompute.");

    public static readonly Key<double> MixupAlpha = new(Section, "ref_model_mixup_alpha", Kinds.Number(above: 0, most: 1), 0.6,
        "sync_ref_model: the policy's share in the new reference; 1 copies the policy.");

    public static readonly Key<int> SyncSteps = new(Section, "ref_model_sync_steps", Kinds.Whole(1), 512, "sync_ref_model: optimizer steps from one update to the next.");

    public static readonly Key<string?> Cache = new(Section, "reference_cache", Kinds.Location("a folder").OrNull("with precompute, reference beside output_dir"), null,
        "Precomputed values are kept there for the machine's other workers and for later runs with the same model and rows; a run that finds all of them never loads the reference.")
    {
        ChangesResult = false,
    };

    public static ImmutableArray<Key> All { get; } = [Logps, Cache, Sync, MixupAlpha, SyncSteps];
}
