using System.Globalization;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;
using Orchestrator.Training.Data;
using Orchestrator.Training.Evaluation;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Families;
using Orchestrator.Training.Native;

namespace Orchestrator.Host.Scoring;

/// <summary>Scores the rows of some files under a policy and a reference.</summary>
/// <param name="Settings">Model, reference, data and objective. Without model.reference it is the model without its adapter, and without an adapter every completion counts as equally likely under it.</param>
public sealed record ScoreRun(Settings Settings)
{
    private const string UsualCategory = "category";

    /// <summary>Rows, one JSON object each, go here; null: nowhere.</summary>
    public TextWriter? Rows { get; init; }

    /// <summary>What was read and skipped, for people.</summary>
    public TextWriter? Report { get; init; }

    /// <summary>The field of a row that names its category; null: "category" where rows have it.</summary>
    public string? Category { get; init; }

    /// <exception cref="InvalidDataException">Rows or model cannot be used.</exception>
    /// <exception cref="ArgumentException">No row has the field that is to name its category.</exception>
    public async Task<(Benchmark Benchmark, DataReport Data)> RunAsync(CancellationToken cancellation)
    {
        var files = DataFiles.Find(Mapping.TrainPaths(Settings));
        var folder = Directory.CreateTempSubdirectory("orchestrator-score-").FullName;
        try
        {
            var data = Prepare(Path.Combine(folder, "score.pairs"), cancellation);
            foreach (var line in data.Lines())
            {
                Report?.WriteLine(line);
            }

            using var pairs = EncodedPairs.Open(Path.Combine(folder, "score.pairs"));
            return (await ScoreAsync(pairs, files, cancellation), data);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private DataReport Prepare(string target, CancellationToken cancellation)
    {
        var model = Settings.Of(ModelKeys.Path);
        var source = TextSource.Load(model, Settings.Of(DataKeys.ChatTemplate));
        var options = Mapping.Data(Settings, Family.Describe(ModelConfig.Load(model)).Vocabulary);
        return DataPreparation.Prepare(options, Mapping.TrainPaths(Settings), source.Tokenizer, source.Chat, target, cancellation);
    }

    private string?[] Categories(EncodedPairs pairs, IReadOnlyList<string> files)
    {
        string?[] found = [.. RowColumn.Read(pairs, files, Category ?? UsualCategory)];
        return found.All(category => category is null)
            ? Category is null ? [] : throw new ArgumentException($"--category is {Category}, and no row of {string.Join(", ", files)} has a text or number under that name.")
            : found;
    }

    private async Task<Benchmark> ScoreAsync(EncodedPairs pairs, IReadOnlyList<string> files, CancellationToken cancellation)
    {
        await using var scorer = await PairScorer.OpenAsync(Options(), cancellation); // refuses a loss that cannot be scored before rows are looked at
        var (benchmark, categories) = (new Benchmark(), Categories(pairs, files));
        await foreach (var score in scorer.ScoreAsync(pairs, cancellation))
        {
            benchmark.Add(score, categories.Length > 0 ? categories[score.Row] : null, categories.Length > 0);
            if (Rows is not null)
            {
                var (file, line) = pairs.SourceOf(score.Row);
                await Rows.WriteLineAsync(ScoreJson.Row(score, files[file], line));
            }
        }

        return benchmark;
    }

    private ScoreOptions Options()
    {
        var adapter = Settings.Of(ModelKeys.Adapter);
        var reference = Settings.Of(ModelKeys.Reference) ?? (adapter is null ? null : Settings.Of(ModelKeys.Path));
        var objective = Mapping.Objective(Settings);
        var options = new ScoreOptions
        {
            Model = Settings.Of(ModelKeys.Path),
            Adapter = adapter,
            Reference = reference,
            Objective = reference is null && Mapping.Needs(Settings).Reference ? objective with { ReferenceFree = true } : objective,
            Device = DeviceChoice.Parse(Settings.Of(ClusterKeys.Device)).Text,
            Threads = Settings.Of(ClusterKeys.Threads),
        };
        return Settings.Of(DataKeys.PairsPerLeaf) is { } rows ? options with { RowsPerPass = rows } : options;
    }

    /// <summary>The totals in one line for people.</summary>
    public static string Text(ScoreTotals totals) => string.Create(
        CultureInfo.InvariantCulture,
        $"{totals.Rows} pairs: loss {totals.MeanLoss:0.0000}, accuracy {totals.Accuracy:0.000}, margin {totals.MeanMargin:0.0000}, {totals.ChosenTokens + totals.RejectedTokens} completion tokens");
}
