using System.Security.Cryptography;
using Orchestrator.Training.Data.Rows;

namespace Orchestrator.Training.Data;

/// <summary>
/// Turns files of rows into one .pairs file. Rows are encoded in parallel and written in file order, so the same files, tokenizer and options
/// give the same bytes; memory is that of a batch of rows, however large the files are.
/// </summary>
public static class DataPreparation
{
    private const int RowsPerBatch = 1024;
    private const int BytesPerBatch = 8 << 20;

    /// <param name="files">As <see cref="DataFiles.Find"/> takes them; read one after the other.</param>
    /// <param name="tokenizer">Null where all rows are ids.</param>
    /// <param name="chat">Null where no row is a conversation.</param>
    /// <param name="target">The .pairs file to write; written beside, then renamed.</param>
    /// <exception cref="FileNotFoundException">A file does not exist.</exception>
    /// <exception cref="InvalidDataException">A file is damaged or empty, no row is left, a row needs what the model does not have, or bad rows are fatal.</exception>
    /// <exception cref="ArgumentException">The options do not hold.</exception>
    public static DataReport Prepare(
        DataOptions options, IReadOnlyList<string> files, TextTokenizer? tokenizer, IChatFormat? chat, string target, CancellationToken cancellation = default)
    {
        options.Check();
        files = DataFiles.Find(files);
        var (pipeline, report) = (new RowPipeline(options, tokenizer, chat), new ReportBuilder(files, options.CompletionsPerRow));
        using var writer = new EncodedPairsWriter(target, options.CompletionsPerRow);
        foreach (var batch in Batches(SourceFile.Read(files)))
        {
            foreach (var outcome in Encode(batch, pipeline, files, cancellation))
            {
                Write(outcome, writer, report);
            }
        }

        var done = report.Build();
        Judge(done, options);
        writer.Commit();
        return Sealed(done, target);
    }

    private static IEnumerable<List<SourceLine>> Batches(IEnumerable<SourceLine> lines)
    {
        var (batch, bytes) = (new List<SourceLine>(), 0L);
        foreach (var line in lines)
        {
            batch.Add(line);
            bytes += line.Bytes.Length;
            if (batch.Count == RowsPerBatch || bytes >= BytesPerBatch)
            {
                yield return batch;
                (batch, bytes) = ([], 0);
            }
        }

        yield return batch;
    }

    private static RowOutcome[] Encode(List<SourceLine> batch, RowPipeline pipeline, IReadOnlyList<string> files, CancellationToken cancellation)
    {
        var (outcomes, fatal) = (new RowOutcome[batch.Count], new InvalidDataException?[batch.Count]);
        Parallel.For(0, batch.Count, new ParallelOptions { CancellationToken = cancellation }, at =>
        {
            try
            {
                outcomes[at] = pipeline.Run(batch[at]);
            }
            catch (InvalidDataException missing)
            {
                fatal[at] = new InvalidDataException($"{files[batch[at].File]}, {batch[at].Place}: {missing.Message}", missing);
            }
        });
        return Array.Find(fatal, error => error is not null) is { } first ? throw first : outcomes;
    }

    private static void Write(RowOutcome outcome, EncodedPairsWriter writer, ReportBuilder report)
    {
        if (outcome.Problem is not null)
        {
            report.Skip(outcome);
            return;
        }

        var row = outcome.Kept.Of(outcome.Whole!);
        report.Keep(outcome, row);
        writer.Add(row.Prompt, row.Chosen, row.Rejected, outcome.Source.File, outcome.Source.Line);
    }

    private static void Judge(DataReport report, DataOptions options)
    {
        var (files, problems) = (string.Join(", ", report.Files), string.Join("; ", report.Problems.Select(problem => problem.Describe())));
        if (report.RowsRead == 0)
        {
            throw new InvalidDataException($"{files} holds no rows. Needed: one JSON object per line, or the rows of a Parquet file.");
        }

        if (options.FailOnBadRow && report.RowsSkipped > 0)
        {
            throw new InvalidDataException($"{report.RowsSkipped} of {report.RowsRead} rows of {files} are bad: {problems}. Mend them, or set data.on_bad_row to skip.");
        }

        if (report.RowsKept == 0)
        {
            throw new InvalidDataException($"None of the {report.RowsRead} rows of {files} can be used: {problems}.");
        }
    }

    private static DataReport Sealed(DataReport report, string target)
    {
        using var file = File.OpenRead(target);
        return report with { Sha256 = Convert.ToHexStringLower(SHA256.HashData(file)), Bytes = file.Length };
    }
}
