using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Host.RunFile;
using Orchestrator.Training.Data;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Families;

namespace Orchestrator.Host.Runs;

/// <summary>The rows of a run as tokens, in the files that every worker reads, and what was found on the way.</summary>
public sealed record PreparedData(DataReport Train, ImmutableArray<(string Name, DataReport Report)> Eval)
{
    /// <exception cref="InvalidDataException">Rows or tokenizer cannot be used.</exception>
    public static PreparedData Make(Settings settings, OutputDirectory output, CancellationToken cancellation)
    {
        var source = TextSource.Load(settings.Of(ModelKeys.Path), settings.Of(DataKeys.ChatTemplate));
        var options = Mapping.Data(settings, Family.Describe(ModelConfig.Load(settings.Of(ModelKeys.Path))).Vocabulary);
        DataReport Prepare(string set, IReadOnlyList<string> files) =>
            DataPreparation.Prepare(options, files, source.Tokenizer, source.Chat, output.Pairs(set), cancellation);
        return new PreparedData(
            Prepare("train", settings.Of(DataKeys.Train)),
            [.. settings.Of(DataKeys.Eval).Select(set => (set.Name, Prepare(set.Name, [set.File])))]);
    }

    public ImmutableArray<EvaluationSet> EvaluationSets(int pairsPerLeaf) => [.. Eval.Select(set => new EvaluationSet(set.Name, set.Report.RowsKept, pairsPerLeaf))];
}
