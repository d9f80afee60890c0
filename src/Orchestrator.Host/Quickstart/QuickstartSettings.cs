using System.Collections.Immutable;
using System.Globalization;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;

namespace Orchestrator.Host.Quickstart;

/// <summary>The settings of the quickstart's two runs, both from the built-in run file cluster-config/runs/quickstart.yaml and the command line.</summary>
public sealed record QuickstartSettings(Settings Dpo)
{
    private const string BuiltIn = "quickstart.yaml";

    public long Seed => Dpo.Of(TrainingKeys.Seed);

    /// <summary>Maximum likelihood on the reviews: Rafailov et al. 2023, section 4, where no fitting model exists.</summary>
    public Settings Sft => SftSettings.Of(Dpo)
        .With(DataKeys.Eval, [])
        .With(TrainingKeys.Optimizer, "adamw")
        .With(TrainingKeys.LearningRate, 4e-3)
        .With(TrainingKeys.Schedule, "cosine")
        .With(TrainingKeys.WarmupSteps, 10)
        .With(TrainingKeys.MaxGradNorm, 1)
        .With(TrainingKeys.Epochs, 2)
        .With(TrainingKeys.MaxSteps, null)
        .With(DataKeys.PairsPerLeaf, 16)
        .With(OutputKeys.LoggingSteps, 20);

    /// <exception cref="RunFileException">The command line has keys or values that cannot be.</exception>
    public static (QuickstartSettings Settings, QuickstartFolder Folder) Read(IReadOnlyList<string> overrides)
    {
        var here = Directory.GetCurrentDirectory();
        using var stream = typeof(QuickstartSettings).Assembly.GetManifestResourceStream(BuiltIn)!;
        using var reader = new StreamReader(stream);
        var settings = SettingsReader.Read(reader.ReadToEnd(), $"{BuiltIn} (built in)", here, overrides, here, filesExist: false);
        var folder = new QuickstartFolder(Named(overrides) ? settings.Of(OutputKeys.Directory)! : Path.Combine(here, "out", "quickstart"));
        return (new QuickstartSettings(settings.With(OutputKeys.Directory, folder.Dpo.Path).With(OutputKeys.Overwrite, true)), folder);
    }

    /// <summary>The same on other data.</summary>
    public static Settings On(Settings settings, string model, string train, string? heldOut, OutputDirectory output) => settings
        .With(ModelKeys.Path, model)
        .With(DataKeys.Train, [new DataSource(train)])
        .With(DataKeys.TestSplitSize, null)
        .With(DataKeys.Eval, heldOut is null ? [] : [("eval", heldOut)])
        .With(OutputKeys.Directory, output.Path);

    private static bool Named(IEnumerable<string> overrides) =>
        overrides.Any(option => Keys.Find(option.Split('=', 2)[0].Trim()) == OutputKeys.Directory);
}
