using Orchestrator.Host.Runs;
using Orchestrator.Training.Objectives;

namespace Orchestrator.Host.RunFile;

/// <summary>Does the rest of the run file fit its loss?</summary>
internal static class ObjectiveChecks
{
    // An option that does nothing is a mistake.
    private static readonly (Key Key, string[] Losses)[] OfSomeLosses =
    [
        (ObjectiveKeys.DiscopopTau, ["discopop"]), (ObjectiveKeys.SimpoGamma, ["simpo"]), (ObjectiveKeys.CpoAlpha, ["cpo", "simpo"]),
        (ObjectiveKeys.UnlikelihoodAlpha, ["unlikelihood"]), (ObjectiveKeys.GtRewardScale, ["rpo_sq", "rpo_bwd_kl", "rpo_fwd_kl"]),
        (ObjectiveKeys.DesirableWeight, ["kto"]), (ObjectiveKeys.UndesirableWeight, ["kto"]),
    ];

    /// <param name="sound">Whether keys have no problem of their own.</param>
    public static IEnumerable<Problem?> All(Settings settings, Func<Key[], bool> sound)
    {
        if (!sound([.. ObjectiveKeys.All]))
        {
            return [];
        }

        // What losses go together, and with which values, the objectives know themselves.
        try
        {
            return Fit(settings, Objective.Create(Mapping.Objective(settings)));
        }
        catch (ArgumentException error)
        {
            return [At(settings, ObjectiveKeys.LossType, error.Message)];
        }
    }

    private static IEnumerable<Problem?> Fit(Settings settings, IObjective objective)
    {
        if (settings.Of(ModelKeys.Reference) is { } reference && !objective.Needs.Reference)
        {
            yield return At(settings, ModelKeys.Reference, $"model.reference is {reference}, and {Named(settings, objective)} compares with no reference. Leave it out.");
        }

        foreach (var (key, losses) in OfSomeLosses.Where(own => !objective.Name.Split('+').Intersect(own.Losses).Any() && IsSet(settings, own.Key)))
        {
            yield return At(settings, key, $"{key.Dotted} is {key.Write(settings.Value(key))}, and it belongs to {string.Join(", ", losses)}, which loss_type does not name. Leave it out.");
        }

        if (settings.Of(ObjectiveKeys.FDivergenceType) != "alpha_divergence" && IsSet(settings, ObjectiveKeys.FAlphaDivergenceCoef))
        {
            yield return At(settings, ObjectiveKeys.FAlphaDivergenceCoef, "objective.f_alpha_divergence_coef belongs to f_divergence_type alpha_divergence, which is not chosen. Leave it out.");
        }

        if (settings.Of(ReferenceKeys.Sync))
        {
            foreach (var key in WhatForbidsUpdates(settings, objective))
            {
                yield return key;
            }
        }
        else if (new Key[] { ReferenceKeys.MixupAlpha, ReferenceKeys.SyncSteps }.FirstOrDefault(key => IsSet(settings, key)) is { } idle)
        {
            yield return At(settings, idle, $"{idle.Dotted} is {idle.Write(settings.Value(idle))}, and the reference stays as it is. Set sync_ref_model: true, or leave it out.");
        }

        if (objective.Needs.Mismatched && settings.Of(DataKeys.PairsPerStep) < 2)
        {
            yield return At(settings, DataKeys.PairsPerStep, $"data.pairs_per_step is 1, and {objective.Name} compares a row with the others of its step. Use 8 or more.");
        }
    }

    private static IEnumerable<Problem> WhatForbidsUpdates(Settings settings, IObjective objective)
    {
        const string Mixes = "reference.sync_ref_model mixes the policy into the reference";
        if (!objective.Needs.Reference)
        {
            yield return At(settings, ReferenceKeys.Sync, $"{Mixes}, and {Named(settings, objective)} compares with none. Leave it out.");
        }

        if (settings.Of(ReferenceKeys.Logps) == "precompute")
        {
            yield return At(settings, ReferenceKeys.Sync, $"{Mixes}, and reference_logps precompute asks it once for all. Set reference_logps: live, or leave sync_ref_model out.");
        }

        if (Mapping.Lora(settings) is not null)
        {
            yield return At(settings, ReferenceKeys.Sync, $"{Mixes}, and with adapters both share their weights. Leave sync_ref_model out, or train all weights (lora_r: 0, no adapter).");
        }
    }

    private static bool IsSet(Settings settings, Key key) => key.Write(settings.Value(key)) != key.DefaultText;

    private static string Named(Settings settings, IObjective objective) => settings.Of(ObjectiveKeys.ReferenceFree) ? $"{objective.Name} with reference_free" : objective.Name;

    private static Problem At(Settings settings, Key key, string message) => new(settings.PlaceOf(key), message);
}
