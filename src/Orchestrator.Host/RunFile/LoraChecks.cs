using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;
using Orchestrator.Training.Models.Families;

namespace Orchestrator.Host.RunFile;

/// <summary>Do the adapters fit the model? It is described by its config.json; no weight is read.</summary>
internal static class LoraChecks
{
    /// <param name="found">Problems so far: where there are any, what follows from them is not told as well.</param>
    public static IEnumerable<Problem> Of(Settings settings, IReadOnlyCollection<Problem> found)
    {
        var (fresh, adapter) = (settings.Of(LoraKeys.Rank) > 0, settings.Of(ModelKeys.Adapter));
        if (found.Count > 0 || (!fresh && adapter is null))
        {
            return [];
        }

        if (fresh && adapter is not null)
        {
            return [new Problem(settings.PlaceOf(LoraKeys.Rank),
                $"lora.lora_r asks for a fresh adapter, and model.adapter names one to go on with, whose own rank counts.{Environment.NewLine}Leave one of them out, or merge the adapter into a model first: orchestrator merge.")];
        }

        return Fits(settings, adapter) is { } problem ? [problem] : [];
    }

    private static Problem? Fits(Settings settings, string? adapter)
    {
        Key key = adapter is null ? LoraKeys.TargetModules : ModelKeys.Adapter;
        try
        {
            var spec = Family.Describe(ModelConfig.Load(settings.Of(ModelKeys.Path)));
            _ = adapter is null ? LoraTargets.Resolve(spec, settings.Of(LoraKeys.TargetModules)) : AdapterDirectory.Check(adapter, spec).Targets;
            return null;
        }
        catch (Exception error) when (error is ArgumentException or InvalidDataException or NotSupportedException or IOException)
        {
            return new Problem(settings.PlaceOf(key), $"{key.Dotted}: {error.Message}");
        }
    }
}
