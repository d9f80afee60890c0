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
    }

    private static string Named(Settings settings, IObjective objective) => settings.Of(ObjectiveKeys.ReferenceFree) ? $"{objective.Name} with reference_free" : objective.Name;

    private static Problem At(Settings settings, Key key, string message) => new(settings.PlaceOf(key), message);
}
