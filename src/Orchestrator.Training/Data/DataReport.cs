using System.Collections.Immutable;

namespace Orchestrator.Training.Data;

/// <summary>What preparing one set of files found.</summary>
public sealed record DataReport
{
    public required ImmutableArray<string> Files { get; init; }

    /// <summary>Rows that the files hold; blank lines are none.</summary>
    public required long RowsRead { get; init; }

    /// <summary>Rows that training uses, in file order; a pair whose answers bear labels counts as two.</summary>
    public required int RowsKept { get; init; }

    /// <summary>Rows that training uses, by the place of their file in <see cref="Files"/>.</summary>
    public required ImmutableArray<int> RowsKeptOfFile { get; init; }

    /// <summary>Of the rows kept, those with a desirable completion; null where rows bear no label.</summary>
    public int? Desirable { get; init; }

    /// <summary>Usable rows that are kept from training to evaluate on.</summary>
    public int RowsHeldOut { get; init; }

    public required int CompletionsPerRow { get; init; }

    /// <summary>Rows kept, by format.</summary>
    public required ImmutableSortedDictionary<string, long> Formats { get; init; }

    /// <summary>Rows skipped, by kind, most frequent first.</summary>
    public required ImmutableArray<ProblemCount> Problems { get; init; }

    /// <summary>Prompts that lost tokens.</summary>
    public required long TruncatedPrompts { get; init; }

    /// <summary>Tokens that those prompts lost.</summary>
    public required long CutPromptTokens { get; init; }

    /// <summary>Answers that lost tokens, and so their end token.</summary>
    public required long TruncatedCompletions { get; init; }

    /// <summary>Tokens that those answers lost.</summary>
    public required long CutCompletionTokens { get; init; }

    /// <summary>Rows kept whose answers differed only in what truncation took: they teach nothing.</summary>
    public required long SameAfterTruncation { get; init; }

    /// <summary>Rows kept that have tools and are text or ids already, into which no chat template writes them.</summary>
    public long ToolsUnwritten { get; init; }

    /// <summary>Of the rows kept, as truncated.</summary>
    public required TokenStatistics PromptTokens { get; init; }

    /// <summary>Of every answer.</summary>
    public required TokenStatistics CompletionTokens { get; init; }

    /// <summary>Of prompt + answer, for every answer; the total is what a forward without shared prompts computes.</summary>
    public required TokenStatistics SequenceTokens { get; init; }

    /// <summary>Of prompt + both answers; the total is what a forward with shared prompts computes, the maximum bounds a leaf's memory.</summary>
    public required TokenStatistics RowTokens { get; init; }

    /// <summary>Of the .pairs file, lower-case hex.</summary>
    public string Sha256 { get; init; } = "";

    /// <summary>Of the .pairs file.</summary>
    public long Bytes { get; init; }

    public long RowsSkipped => Problems.Sum(problem => problem.Count);

    /// <summary>The same report where the files have other names.</summary>
    internal DataReport Of(IReadOnlyList<string> files)
    {
        string Renamed(string file) => files[Files.IndexOf(file)];
        return this with
        {
            Files = [.. files],
            Problems = [.. Problems.Select(problem => problem with { First = [.. problem.First.Select(example => example with { File = Renamed(example.File) })] })],
        };
    }

    /// <summary>For people: what was read, what was skipped and why, how long rows are.</summary>
    public IEnumerable<string> Lines()
    {
        yield return $"{Formats.Values.Sum()} of {RowsRead} rows kept ({string.Join(", ", Formats.Select(format => $"{format.Key} {format.Value}"))})"
            + (RowsHeldOut > 0 ? $", {RowsHeldOut} held out to evaluate on" : "")
            + (RowsSkipped > 0 ? $", {RowsSkipped} dropped: {string.Join(", ", Problems.Select(problem => $"{problem.Name} {problem.Count}"))}" : "");
        if (Desirable is { } desirable)
        {
            yield return $"answers: {desirable} desirable, {RowsKept - desirable} undesirable";
        }

        foreach (var problem in Problems)
        {
            yield return problem.Describe();
        }

        if (TruncatedPrompts + TruncatedCompletions > 0)
        {
            yield return $"truncated: {TruncatedPrompts} prompts ({CutPromptTokens} tokens cut), {TruncatedCompletions} answers ({CutCompletionTokens} tokens cut)"
                + (SameAfterTruncation > 0 ? $"; {SameAfterTruncation} rows have the same answer twice since" : "");
        }

        if (ToolsUnwritten > 0)
        {
            yield return $"tools: {ToolsUnwritten} row{(ToolsUnwritten == 1 ? " is" : "s are")} text or ids already, and {(ToolsUnwritten == 1 ? "its" : "their")} \"tools\" were not written into {(ToolsUnwritten == 1 ? "it" : "them")}";
        }

        yield return $"tokens: prompt {Short(PromptTokens)}, answer {Short(CompletionTokens)}, sequence {Short(SequenceTokens)}, {RowTokens.Total} in all";
    }

    private static string Short(TokenStatistics tokens) => $"{tokens.Min}..{tokens.Max} (median {tokens.Median}, p90 {tokens.P90})";
}

/// <summary>Rows with one kind of problem.</summary>
/// <param name="First">The first few, in file order.</param>
public sealed record ProblemCount(RowProblem Kind, long Count, ImmutableArray<ProblemExample> First)
{
    public string Name => RowProblems.NameOf(Kind);

    /// <summary>"2 rows: missing_field (a.jsonl line 3: "rejected" is missing; line 9)".</summary>
    public string Describe()
    {
        var more = First.Skip(1).Select(example => $"{(example.File == First[0].File ? "" : example.File + " ")}{example.Place}");
        return $"{Count} row{(Count == 1 ? "" : "s")}: {Name} ({string.Join("; ", more.Prepend($"{First[0].File} {First[0].Place}: {First[0].Detail}"))}{(Count > First.Length ? "; ..." : "")})";
    }
}

/// <summary>Where a problem was seen.</summary>
/// <param name="Line">From 1; of a Parquet file the row.</param>
/// <param name="RowGroup">Of a Parquet file, from 1; 0 for others.</param>
public sealed record ProblemExample(string File, long Line, string Detail, int RowGroup = 0)
{
    /// <summary>"line 3", "row group 2, row 1003".</summary>
    public string Place => Rows.SourceLine.PlaceOf(Line, RowGroup);
}
