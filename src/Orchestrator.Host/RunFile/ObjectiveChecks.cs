using Orchestrator.Host.Runs;
using Orchestrator.Training.Objectives;

namespace Orchestrator.Host.RunFile;

/// <summary>Does the rest of the run file fit its loss?</summary>
internal static class ObjectiveChecks
{
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

        if (objective.Needs.Mismatched && settings.Of(DataKeys.PairsPerStep) < 2)
        {
            yield return At(settings, DataKeys.PairsPerStep, $"data.pairs_per_step is 1, and {objective.Name} compares a row with the others of its step. Use 8 or more.");
        }
    }

    private static string Named(Settings settings, IObjective objective) => settings.Of(ObjectiveKeys.ReferenceFree) ? $"{objective.Name} with reference_free" : objective.Name;

    private static Problem At(Settings settings, Key key, string message) => new(settings.PlaceOf(key), message);
}
