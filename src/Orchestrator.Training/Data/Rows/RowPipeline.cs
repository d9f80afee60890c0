using System.Text.Json;

namespace Orchestrator.Training.Data.Rows;

/// <summary>What became of one row: ids and what truncation keeps of them, or a problem. <paramref name="Format"/> is null where it was not found out.</summary>
internal sealed record RowOutcome(SourceLine Source, string? Format, EncodedRow? Whole, Kept Kept, RowProblem? Problem, string? Detail)
{
    /// <summary>The row has tools, and is text or ids already, into which no template writes them.</summary>
    public bool ToolsUnwritten { get; init; }
}

/// <summary>From a line of a file to ids: parse, tell the format, read, encode, truncate. Thread-safe.</summary>
internal sealed class RowPipeline(DataOptions options, TextTokenizer? tokenizer, IChatFormat? chat)
{
    private readonly RowEncoder _encoder = new(tokenizer, chat, options);

    /// <exception cref="InvalidDataException">Something that every such row needs is missing.</exception>
    public RowOutcome Run(SourceLine source)
    {
        string? name = null;
        EncodedRow? whole = null;
        try
        {
            using var document = JsonDocument.Parse(source.Bytes);
            var fields = Fields(document.RootElement);
            var (format, row) = RowFormats.Read(fields, options);
            name = format.Name;
            whole = _encoder.Encode(Paired(row, source));
            var kept = Truncation.Cut(whole.Prompt.Length, whole.Chosen.Length, whole.Rejected.Length, options, format.PromptEndMatters);
            return new RowOutcome(source, name, whole, kept, null, null) { ToolsUnwritten = row is TextRow or IdsRow && TemplateVariables.Holds(fields, TemplateVariables.Tools) };
        }
        catch (JsonException broken)
        {
            return new RowOutcome(source, name, null, default, RowProblem.BrokenJson, $"no JSON at byte {broken.BytePositionInLine + 1}: {Reason(broken)}");
        }
        catch (BadRowException bad)
        {
            return new RowOutcome(source, name, whole, default, bad.Problem, bad.Message);
        }
    }

    private Row Paired(Row row, SourceLine source) => row is RankedRow ranked && (options.CompletionsPerRow == 2 || options.Labels)
        ? ranked.Pair(options.RejectedChoice, options.Seed, ((long)source.File << 40) ^ source.Line)
        : row;

    private JsonFields Fields(JsonElement row) => row.ValueKind == JsonValueKind.Object
        ? new JsonFields(row, options.Columns)
        : throw new BadRowException(RowProblem.WrongType, $"the row is {JsonFields.Kind(row)}; needed: an object with named fields");

    // The message ends with a position that speaks of the line as of a whole file.
    private static string Reason(JsonException broken) => broken.Message.Split(" LineNumber:")[0];
}
