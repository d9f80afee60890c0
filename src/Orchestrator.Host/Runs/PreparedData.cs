using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Host.RunFile;
using Orchestrator.Training.Data;
using Orchestrator.Training.Data.Cache;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Families;

namespace Orchestrator.Host.Runs;

/// <summary>The rows of a run as tokens, in the files that every worker reads, and what was found on the way.</summary>
/// <param name="RowsOfSources">Rows to train on, of each source of data.train; their rows lie in that order.</param>
/// <param name="Notes">Where each set's tokens came from, in words.</param>
public sealed record PreparedData(DataReport Train, ImmutableArray<int> RowsOfSources, ImmutableArray<(string Name, DataReport Report)> Eval, ImmutableArray<string> Notes)
{
    /// <summary>Prompts may hold the date of the day on which they were made.</summary>
    public bool Dated { get; init; }

    /// <summary>The evaluation set that data.test_split_size makes.</summary>
    public const string HeldOut = "eval";

    /// <exception cref="InvalidDataException">Rows or tokenizer cannot be used.</exception>
    public static PreparedData Make(Settings settings, OutputDirectory output, CancellationToken cancellation)
    {
        var text = TextSource.Load(settings.Of(ModelKeys.Path), settings.Of(DataKeys.ChatTemplate));
        var spec = Family.Describe(ModelConfig.Load(settings.Of(ModelKeys.Path)));
        var options = Mapping.Data(settings, spec.Vocabulary);
        var cache = CacheOf(settings, output);
        var notes = ImmutableArray.CreateBuilder<string>();
        (DataReport Rows, DataReport? HeldOut) Prepare(string set, IReadOnlyList<string> files, HoldOut? holdOut)
        {
            var (rows, heldOut) = Read(set, files, holdOut);
            RequirePositions(spec, files, output.Pairs(set));
            if (holdOut is not null)
            {
                RequirePositions(spec, files, output.Pairs(HeldOut));
            }

            return (rows, heldOut);
        }

        (DataReport Rows, DataReport? HeldOut) Read(string set, IReadOnlyList<string> files, HoldOut? holdOut)
        {
            if (cache is null)
            {
                return DataPreparation.Prepare(options, files, text.Tokenizer, text.Chat, output.Pairs(set), holdOut, cancellation);
            }

            var prepared = cache.Prepare(options, files, text.Tokenizer, text.Chat, output.Pairs(set), holdOut, cancellation);
            notes.Add($"tokens of {set}: {prepared.Note}");
            return (prepared.Train, prepared.HeldOut);
        }

        ImmutableArray<IReadOnlyList<string>> sources = [.. settings.Of(DataKeys.Train).Select(source => DataFiles.Find([source.Path]))];
        HoldOut? split = settings.Of(DataKeys.TestSplitSize) is { } share ? new HoldOut(share, settings.Of(TrainingKeys.Seed), output.Pairs(HeldOut)) : null;
        var (train, heldOut) = Prepare("train", [.. sources.SelectMany(files => files)], split);
        ImmutableArray<(string Name, DataReport Report)> eval =
        [
            .. heldOut is null ? Array.Empty<(string, DataReport)>() : [(HeldOut, heldOut)],
            .. settings.Of(DataKeys.Eval).Select(set => (set.Name, Prepare(set.Name, [set.File], null).Rows)),
        ];
        return new PreparedData(train, RowsOf(sources, train.RowsKeptOfFile), eval, notes.ToImmutable())
        {
            Dated = text.Chat is ChatTemplate { UsesClock: true } && eval.Select(set => set.Report).Prepend(train).Any(report => report.Formats.Keys.Any(RowFormats.MayBeMessages)),
        };
    }

    public ImmutableArray<EvaluationSet> EvaluationSets(int pairsPerLeaf, int samples) =>
        [.. Eval.Select(set => new EvaluationSet(set.Name, set.Report.RowsKept, pairsPerLeaf, Math.Min(samples, set.Report.RowsKept)))];

    private static void RequirePositions(DecoderSpec spec, IReadOnlyList<string> files, string pairs)
    {
        if (spec.PositionEmbedding is null)
        {
            return;
        }

        using var rows = EncodedPairs.Open(pairs);
        for (var row = 0; row < rows.Count; row++)
        {
            var pair = rows[row];
            if (pair.Prompt.Length + Math.Max(pair.Chosen.Length, pair.Rejected.Length) is var tokens && tokens > spec.MaxPositions)
            {
                var (file, line) = rows.SourceOf(row);
                throw new InvalidDataException($"{files[file]}, line {line}: the row has {tokens} tokens, and the model has learned positions for {spec.MaxPositions}. Write data.max_length: {spec.MaxPositions} or less.");
            }
        }
    }

    private static TokenCache? CacheOf(Settings settings, OutputDirectory output) => settings.Of(DataKeys.CacheDirectory) switch
    {
        "none" => null,
        { } folder => new TokenCache(folder),
        null => new TokenCache(output.TokensBeside),
    };

    private static ImmutableArray<int> RowsOf(ImmutableArray<IReadOnlyList<string>> sources, ImmutableArray<int> rowsOfFile)
    {
        var (rows, first) = (ImmutableArray.CreateBuilder<int>(), 0);
        foreach (var files in sources)
        {
            rows.Add(rowsOfFile.Skip(first).Take(files.Count).Sum());
            first += files.Count;
        }

        return rows.ToImmutable();
    }
}
