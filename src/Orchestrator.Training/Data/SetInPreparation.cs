using System.Security.Cryptography;
using Orchestrator.Training.Data.Rows;

namespace Orchestrator.Training.Data;

/// <summary>A .pairs file that is being written, and what is counted on the way. Nothing is left of it unless it is committed.</summary>
internal sealed class SetInPreparation(string target, IReadOnlyList<string> files, DataOptions options) : IDisposable
{
    private readonly EncodedPairsWriter _writer = new(target, options.CompletionsPerRow, RowNotes.Of(options));
    private readonly ReportBuilder _report = new(files, options);

    public void Add(RowOutcome outcome)
    {
        if (outcome.Problem is not null)
        {
            _report.Skip(outcome);
            return;
        }

        var row = outcome.Kept.Of(outcome.Whole!);
        _report.Keep(outcome, row);
        foreach (var part in row.Parts(options.Labels))
        {
            _writer.Add(part.Prompt, part.Chosen, part.Rejected, outcome.Source.File, outcome.Source.Line, part.Label, part.RewardMargin);
        }
    }

    public DataReport Report() => _report.Build();

    /// <returns>The report with hash and size of the file.</returns>
    public DataReport Commit(DataReport report)
    {
        _writer.Commit();
        using var file = File.OpenRead(target);
        return report with { Sha256 = Convert.ToHexStringLower(SHA256.HashData(file)), Bytes = file.Length };
    }

    public void Dispose() => _writer.Dispose();
}
