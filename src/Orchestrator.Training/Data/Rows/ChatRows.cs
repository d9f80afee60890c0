namespace Orchestrator.Training.Data.Rows;

/// <summary>
/// Conversations as texts. The prompt is what the format writes for its turns and before the assistant's next words; an answer is what the
/// format adds to that. Where the text before an answer differs from the generation prompt (some templates open a thought there), the seam
/// lies where they part, but never inside a turn of the prompt.
/// </summary>
internal static class ChatRows
{
    public static (string Prompt, string Chosen, string? Rejected) Render(IChatFormat format, MessagesRow row)
    {
        StartsAnAnswer(row.Chosen, "chosen");
        if (row.Rejected is not null)
        {
            StartsAnAnswer(row.Rejected, "rejected");
            if (row.Chosen.Length == row.Rejected.Length && ImplicitPrompt.SharedTurns(row.Chosen, row.Rejected) == row.Chosen.Length)
            {
                throw new BadRowException(RowProblem.SameAnswers, "\"chosen\" and \"rejected\" are the same");
            }
        }

        try
        {
            return Parted(format, row);
        }
        catch (InvalidDataException refused)
        {
            throw new BadRowException(RowProblem.TemplateRefused, $"the chat template refuses the conversation: {refused.Message}");
        }
    }

    private static (string Prompt, string Chosen, string? Rejected) Parted(IChatFormat format, MessagesRow row)
    {
        string Render(ChatMessage[] messages, bool addGenerationPrompt = false) => format.Render(messages, addGenerationPrompt, row.TemplateVariables);
        var prompt = Render(row.Prompt, addGenerationPrompt: true);

        // Without a generation prompt some templates end the whole text with an end token: what both renderings write are the turns.
        var turns = prompt[..prompt.AsSpan().CommonPrefixLength(Render(row.Prompt))];
        var chosen = Render([.. row.Prompt, .. row.Chosen]);
        var rejected = row.Rejected is null ? null : Render([.. row.Prompt, .. row.Rejected]);
        var shared = Shared(prompt, chosen, rejected);
        return shared >= turns.Length
            ? (chosen[..shared], chosen[shared..], rejected?[shared..])
            : throw new BadRowException(RowProblem.PromptMismatch, $"the chat template writes the prompt's turns differently once an answer follows: alone ...'{Around(turns, shared)}', before \"chosen\" ...'{Around(chosen, shared)}'");
    }

    private static string Around(string text, int at) => text[Math.Min(text.Length, Math.Max(0, at - 20))..Math.Min(text.Length, at + 20)].ReplaceLineEndings("\\n");

    private static int Shared(string prompt, string chosen, string? rejected)
    {
        var shared = prompt.AsSpan().CommonPrefixLength(chosen);
        return Math.Min(shared, rejected is null ? shared : prompt.AsSpan().CommonPrefixLength(rejected));
    }

    private static void StartsAnAnswer(ChatMessage[] answer, string name)
    {
        if (answer.Length == 0 || answer.All(IsBlank))
        {
            throw new BadRowException(RowProblem.EmptyCompletion, $"\"{name}\" has no text");
        }

        if (answer[0].Role is "user" or "system")
        {
            throw new BadRowException(RowProblem.PromptMismatch, $"\"{name}\" begins with a turn of role \"{answer[0].Role}\"; needed: the assistant's answer to the prompt that both share");
        }
    }

    private static bool IsBlank(ChatMessage message) => string.IsNullOrWhiteSpace(message.Content) && !(message.Json is { } json && json.TryGetProperty("tool_calls", out _));
}
