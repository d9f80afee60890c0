using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Families;

namespace Orchestrator.Host.RunFile;

/// <summary>What only the model's config.json tells, before any row is read.</summary>
internal static class ModelChecks
{
    /// <param name="found">Problems so far: where there are any, this one can wait.</param>
    public static IEnumerable<Problem> Of(Settings settings, IReadOnlyCollection<Problem> found)
    {
        if (found.Count > 0 || Spec(settings) is not { PositionEmbedding: not null } spec || settings.Of(DataKeys.MaxLength) <= spec.MaxPositions)
        {
            return [];
        }

        var asked = settings.Of(DataKeys.MaxLength) is { } length ? $"{length}" : "null";
        return [new Problem(settings.PlaceOf(DataKeys.MaxLength), $"data.max_length is {asked}, and the model has learned positions for {spec.MaxPositions} tokens. Write {spec.MaxPositions} or less.")];
    }

    /// <summary>Null where the model cannot be described: loading it says why.</summary>
    private static DecoderSpec? Spec(Settings settings)
    {
        try
        {
            return Family.Describe(ModelConfig.Load(settings.Of(ModelKeys.Path)));
        }
        catch (Exception error) when (error is ArgumentException or InvalidDataException or NotSupportedException or IOException)
        {
            return null;
        }
    }
}
