using System.Collections.Immutable;
using Orchestrator.Training.Data.Rows;

namespace Orchestrator.Training.Data;

/// <summary>One row as the trainer sees it.</summary>
/// <param name="Row">Rows are counted from 0 over all files; blank lines are none.</param>
/// <param name="Line">In the file, from 1; of a Parquet file the row.</param>
/// <param name="Format">Null where the row's format could not be told.</param>
/// <param name="Problem">Why training skips the row; null where it does not.</param>
/// <param name="Detail">The problem in words.</param>
/// <param name="Tokens">Prompt, chosen, rejected; empty where the row never became tokens.</param>
/// <param name="RowGroup">Of a Parquet file, from 1; 0 for others.</param>
public sealed record RowView(long Row, string File, long Line, string? Format, RowProblem? Problem, string? Detail, RowTokens Tokens, int RowGroup = 0)
{
    /// <summary>"line 3", "row group 2, row 1003".</summary>
    public string Place => SourceLine.PlaceOf(Line, RowGroup);

    /// <summary>The row of that place, counted from 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The files hold fewer rows; the message says how many.</exception>
    /// <exception cref="InvalidDataException">As <see cref="DataPreparation"/>.</exception>
    public static RowView Read(DataOptions options, IReadOnlyList<string> files, TextTokenizer? tokenizer, IChatFormat? chat, long row)
    {
        options.Check();
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        files = DataFiles.Find(files);
        var rows = 0L;
        foreach (var line in SourceFile.Read(files))
        {
            if (rows++ == row)
            {
                return Of(row, line, files[line.File], new RowPipeline(options, tokenizer, chat), tokenizer);
            }
        }

        throw new ArgumentOutOfRangeException(nameof(row), $"There is no row {row}: {string.Join(", ", files)} holds {rows} rows, counted from 0.");
    }

    private static RowView Of(long row, SourceLine line, string file, RowPipeline pipeline, TextTokenizer? tokenizer)
    {
        try
        {
            var outcome = pipeline.Run(line);
            return new RowView(row, file, line.Line, outcome.Format, outcome.Problem, outcome.Detail, RowTokens.Of(outcome, tokenizer), line.RowGroup);
        }
        catch (InvalidDataException missing)
        {
            throw new InvalidDataException($"{file}, {line.Place}: {missing.Message}", missing);
        }
    }
}

/// <summary>The tokens of a row's parts, those that truncation takes included and marked.</summary>
public sealed record RowTokens(ImmutableArray<TokenView> Prompt, ImmutableArray<TokenView> Chosen, ImmutableArray<TokenView> Rejected)
{
    internal static RowTokens Of(RowOutcome outcome, TextTokenizer? tokenizer)
    {
        if (outcome.Whole is not { } whole)
        {
            return new RowTokens([], [], []);
        }

        var kept = outcome.Kept;
        return new RowTokens(
            View(whole.Prompt, kept.PromptStart, kept.Prompt, counted: false, tokenizer),
            View(whole.Chosen, 0, kept.Chosen, counted: true, tokenizer),
            View(whole.Rejected, 0, kept.Rejected, counted: true, tokenizer));
    }

    private static ImmutableArray<TokenView> View(int[] ids, int start, int kept, bool counted, TextTokenizer? tokenizer) =>
        [.. ids.Select((id, at) => new TokenView(id, tokenizer?.TokenText(id) ?? $"<{id}>", counted, at >= start && at < start + kept))];
}

/// <summary>One token.</summary>
/// <param name="Text">For a person to read; a space at the beginning is part of it.</param>
/// <param name="Counted">The completion mask: whether its log-probability counts.</param>
/// <param name="Kept">False: truncation takes it, and the trainer never sees it.</param>
public readonly record struct TokenView(int Id, string Text, bool Counted, bool Kept);
