using Orchestrator.Host.Metrics;
using Orchestrator.Host.RunFile;

namespace Orchestrator.Host.Runs;

/// <summary>
/// A run file read for maximum likelihood, whatever loss it names: pairs give their chosen answers. What belongs to another loss or to a reference
/// is passed over, so one run file serves both runs: first `sft`, then `train` on the model that it leaves.
/// </summary>
/// <remarks>Rafailov et al. 2023, arXiv:2305.18290, Section 4: where no model of the data's kind exists, the reference is fitted to the chosen answers.</remarks>
public static class SftSettings
{
    public static Settings Of(Settings settings)
    {
        Key[] others = [.. ObjectiveKeys.All, .. ReferenceKeys.All, ModelKeys.Reference];
        var own = settings with { Values = settings.Values.RemoveRange(others), Places = settings.Places.RemoveRange(others) };
        return ByItsOwnMetric(own.With(ObjectiveKeys.LossType, ["sft"]));
    }

    // Without pairs there are no rewards to find the best checkpoint by.
    private static Settings ByItsOwnMetric(Settings settings) =>
        settings.Of(SelectionKeys.Metric) is { } name && Selection.Resolve(name, Selection.SetsOf(settings)) is { } found && found.Metric.StartsWith("rewards/", StringComparison.Ordinal)
            ? settings.With(SelectionKeys.Metric, MetricNames.Prefix(found.Set) + MetricNames.Loss).With(SelectionKeys.GreaterIsBetter, null)
            : settings;

    /// <summary>Beside the folder of the run that the file describes, unless that run is this one, or the command line names a folder.</summary>
    /// <param name="settings">As read, before <see cref="Of"/>.</param>
    public static OutputDirectory Output(Settings settings, OutputDirectory output, IEnumerable<string> overrides) =>
        Mapping.IsSft(settings) || overrides.Any(option => Keys.Find(option.Split('=', 2)[0].Trim()) == OutputKeys.Directory)
            ? output
            : new OutputDirectory(output.Path.TrimEnd(Path.DirectorySeparatorChar) + "-sft");
}
