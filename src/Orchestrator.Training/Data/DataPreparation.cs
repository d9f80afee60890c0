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
        DataOptions options, IReadOnlyList<string> files, TextTokenizer? tokenizer, IChatFormat? chat, string target, CancellationToken cancellation = default) =>
        Prepare(options, files, tokenizer, chat, target, holdOut: null, cancellation).Train;

    /// <inheritdoc cref="Prepare(DataOptions, IReadOnlyList{string}, TextTokenizer?, IChatFormat?, string, CancellationToken)"/>
    /// <param name="holdOut">Which rows go to a file of their own; null: none.</param>
    /// <returns>The second report is of the rows held out; null where none are asked for.</returns>
    public static (DataReport Train, DataReport? HeldOut) Prepare(
        DataOptions options, IReadOnlyList<string> files, TextTokenizer? tokenizer, IChatFormat? chat, string target, HoldOut? holdOut, CancellationToken cancellation)
    {
        options.Check();
        files = DataFiles.Find(files);
        var pipeline = new RowPipeline(options, tokenizer, chat);
        using var train = new SetInPreparation(target, files, options);
        using var heldOut = holdOut is null ? null : new SetInPreparation(holdOut.Target, files, options);
        foreach (var batch in Batches(SourceFile.Read(files)))
        {
            foreach (var outcome in Encode(batch, pipeline, files, cancellation))
            {
                var held = outcome.Problem is null && holdOut?.Takes(outcome.Whole!) == true;
                (held ? heldOut! : train).Add(outcome);
            }
        }

        var (rest, apart) = (train.Report(), heldOut?.Report());
        rest = apart is null ? rest : rest with { RowsRead = rest.RowsRead + apart.RowsRead, RowsHeldOut = (int)apart.RowsRead };
        Judge(rest, options);
        if (apart?.RowsKept == 0)
        {
            throw new InvalidDataException($"data.test_split_size is {holdOut!.Share}, and none of the {rest.RowsKept} usable rows of {string.Join(", ", files)} falls to it. Raise it, or name held-out pairs in data.eval.");
        }

        return (train.Commit(rest), apart is null ? null : heldOut!.Commit(apart));
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
            throw report.RowsHeldOut > 0
                ? new InvalidDataException($"data.test_split_size leaves none of the {report.RowsHeldOut} usable rows of {files} to train on. Lower it.")
                : new InvalidDataException($"None of the {report.RowsRead} rows of {files} can be used: {problems}.");
        }
    }
}
