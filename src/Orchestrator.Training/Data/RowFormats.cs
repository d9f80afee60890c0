using System.Collections.Immutable;
using Orchestrator.Training.Data.Rows;

namespace Orchestrator.Training.Data;

/// <summary>
/// The formats a row may have, the first that fits its fields being taken: one row each. They are TRL's preference and SFT formats, those of
/// well-known data sets (Anthropic HH, SHP, UltraFeedback, Orca pairs, ShareGPT), and ids. Formats may be mixed in one file; pairs with rows of one answer may not.
/// </summary>
public static class RowFormats
{
    private const string Human = "\n\nHuman:";
    private const string Assistant = "\n\nAssistant:";

    private static readonly ImmutableArray<RowFormat> All =
    [
        new("token_ids", true, f => f.Has("chosen_ids"), f => new IdsRow(f.Ids("prompt_ids"), f.Ids("chosen_ids"), f.Ids("rejected_ids"))),
        new("shp", true, f => f.Has("human_ref_A") && f.Has("human_ref_B"), ScoredRows.Shp),
        new("ranking", true, f => f.IsList("completions") && (f.Has("prompt") || f.Has("instruction")) && !f.Has("chosen"), ScoredRows.Ranking),
        new("sharegpt", true, f => f.IsList("conversations") && f.Has("chosen"), ShareGpt.Pair),
        new("orca", true, f => f.Has("question") && !f.Has("prompt") && f.IsText("chosen"), Orca),
        new("binarized", true, ScoredRows.IsScoredPair, Binarized),
        new("conversational", true, f => f.Has("prompt") && (f.IsList("chosen") || (f.IsList("prompt") && f.Has("chosen"))), Conversation),
        new("conversational_implicit", true, f => f.IsList("chosen"), f => Parted(f.Messages("chosen"), f.Messages("rejected"))),
        new("strings", true, f => f.Has("prompt") && f.Has("chosen"), f => new TextRow(f.Text("prompt"), f.Text("chosen"), f.Text("rejected"))),
        new("hh", true, f => f.IsText("chosen") && IsTranscript(f.Text("chosen")), Transcript),
        new("strings_implicit", true, f => f.Has("chosen"), f => Parted(f.Text("chosen"), f.Text("rejected"))),
        new("completion_ids", false, f => f.Has("completion_ids"), f => new IdsRow(f.Ids("prompt_ids"), f.Ids("completion_ids"), null)),
        new("completion_messages", false, f => f.IsList("completion") || (f.IsList("prompt") && f.Has("completion")), f => Answered(f, "completion", null)),
        new("completion", false, f => f.Has("completion"), f => new TextRow(f.Text("prompt"), f.Text("completion"), null)),
        new("messages", false, f => f.Has("messages"), LastTurn),
        new("sharegpt_messages", false, f => f.IsList("conversations"), ShareGpt.LastTurn),
        new("text", false, f => f.Has("text"), f => new TextRow("", f.Text("text"), null, Seam.FirstToken)),
    ];

    /// <summary>The names of the formats.</summary>
    public static ImmutableArray<string> Names { get; } = [.. All.Select(format => format.Name)];

    /// <summary>Whether rows of the format of that name may be messages, which a chat template writes out; binarized ones may be either.</summary>
    public static bool MayBeMessages(string name) => name == "shp" || (name != "hh" && All.Single(format => format.Name == name).PromptEndMatters);

    /// <summary>The row, and the format it has.</summary>
    internal static (RowFormat Format, Row Row) Read(JsonFields fields, DataOptions options)
    {
        var format = options.Format == "auto"
            ? All.FirstOrDefault(format => format.Fits(fields)) ?? throw NoFormat(options.CompletionsPerRow)
            : All.Single(format => format.Name == options.Format);
        if (options.CompletionsPerRow == 2 && !format.IsPair)
        {
            throw new BadRowException(RowProblem.MissingField, $"a row of format {format.Name} has one answer; needed: \"chosen\" and \"rejected\"");
        }

        var row = format.Read(fields);
        row = row is MessagesRow or RankedRow ? row with { TemplateVariables = TemplateVariables.Read(fields) } : row;
        return (format, options.Labels && !format.IsPair ? row with { Label = fields.Flag("label") }
            : options.RewardMargins && row is not RankedRow ? row with { RewardMargin = row.RewardMargin ?? ScoredRows.RewardMargin(fields) }
            : row);
    }

    private static BadRowException NoFormat(int completionsPerRow) => new(
        RowProblem.MissingField,
        completionsPerRow == 2
            ? "neither \"chosen\" nor \"chosen_ids\" is there; needed: \"chosen\" and \"rejected\", with or without \"prompt\", or their ids"
            : "needed: \"prompt\" and \"completion\", or \"text\", \"messages\", \"prompt_ids\" and \"completion_ids\", or a pair");

    // Orca pairs: a question, perhaps with a system message, and two texts.
    private static MessagesRow Orca(JsonFields fields) => new(
        [.. ShareGpt.System(fields), new ChatMessage("user", fields.Text("question"))],
        [new ChatMessage("assistant", fields.Text("chosen"))],
        [new ChatMessage("assistant", fields.Text("rejected"))]);

    private static Row Binarized(JsonFields fields)
    {
        ScoredRows.Judge(fields);
        return fields.IsList("chosen") || fields.IsList("prompt")
            ? Conversation(fields)
            : new TextRow(fields.Text("prompt"), fields.Text("chosen"), fields.Text("rejected"));
    }

    private static MessagesRow Conversation(JsonFields fields)
    {
        // A prompt that is a text beside answers that are whole conversations only repeats their first turn.
        var whole = fields.IsList("chosen") && fields.IsText("prompt") && fields.Messages("chosen") is [{ Role: not "assistant" }, ..];
        return whole ? Parted(fields.Messages("chosen"), fields.Messages("rejected")) : Answered(fields, "chosen", "rejected");
    }

    private static MessagesRow Answered(JsonFields fields, string chosen, string? rejected) => new(
        Messages(fields, "prompt", "user"),
        Messages(fields, chosen, "assistant"),
        rejected is null ? null : Messages(fields, rejected, "assistant"));

    private static ChatMessage[] Messages(JsonFields fields, string name, string role) =>
        fields.IsText(name) ? [new ChatMessage(role, fields.Text(name))] : fields.Messages(name);

    private static MessagesRow Parted(ChatMessage[] chosen, ChatMessage[] rejected)
    {
        var turns = ImplicitPrompt.SharedTurns(chosen, rejected);
        return new MessagesRow(chosen[..turns], chosen[turns..], rejected[turns..]);
    }

    private static TextRow Parted(string chosen, string rejected)
    {
        if (chosen == rejected)
        {
            throw new BadRowException(RowProblem.SameAnswers, "\"chosen\" and \"rejected\" are the same");
        }

        var at = ImplicitPrompt.Boundary(chosen, rejected);
        return new TextRow(chosen[..at], chosen[at..], rejected[at..], Seam.Shared);
    }

    private static bool IsTranscript(string text) => text.StartsWith(Human, StringComparison.Ordinal) && text.Contains(Assistant, StringComparison.Ordinal);

    // Anthropic HH: the prompt is the transcript up to and including the last "\n\nAssistant:".
    private static TextRow Transcript(JsonFields fields)
    {
        var (chosen, rejected) = (fields.Text("chosen"), fields.Text("rejected"));
        if (chosen.LastIndexOf(Assistant, StringComparison.Ordinal) is not (>= 0 and var last))
        {
            throw new BadRowException(RowProblem.PromptMismatch, "\"chosen\" is no transcript: it has no \"\\n\\nAssistant:\"");
        }

        var prompt = chosen[..(last + Assistant.Length)];
        return rejected.StartsWith(prompt, StringComparison.Ordinal)
            ? new TextRow(prompt, chosen[prompt.Length..], rejected[prompt.Length..])
            : throw new BadRowException(RowProblem.PromptMismatch, "\"rejected\" does not begin with the transcript of \"chosen\" up to its last \"\\n\\nAssistant:\"");
    }

    // The last turn is the answer; the turns before it are its prompt.
    private static MessagesRow LastTurn(JsonFields fields) =>
        fields.Messages("messages") is [.. var prompt, { Role: "assistant" } answer]
            ? new MessagesRow(prompt, [answer], null)
            : throw new BadRowException(RowProblem.EmptyCompletion, "\"messages\" does not end with a turn of the assistant");
}

/// <summary>One way to write a row.</summary>
/// <param name="IsPair">Whether the row has two answers.</param>
/// <param name="Fits">Whether a row's fields look like this format.</param>
internal sealed record RowFormat(string Name, bool IsPair, Func<JsonFields, bool> Fits, Func<JsonFields, Row> Read)
{
    /// <summary>Whether the end of a prompt matters more than its start: what was said last in a conversation (<see cref="TruncationMode.Paper"/>).</summary>
    public bool PromptEndMatters => Name is
        "hh" or "conversational" or "conversational_implicit" or "binarized" or "ranking" or "sharegpt" or "orca" or "completion_messages" or "messages" or "sharegpt_messages";
}
