namespace Orchestrator.Training.Data;

/// <summary>A prompt and its completions as a chat template writes them: prompt + completion is the rendering of the whole conversation.</summary>
public sealed record RenderedConversation(string Prompt, IReadOnlyList<string> Completions)
{
    /// <summary>
    /// Renders the prompt up to where the assistant begins, then the conversation with each completion, and takes what each adds to the prompt.
    /// </summary>
    /// <param name="prompt">The conversation so far; its end says who speaks next. Empty where a completion is a whole conversation.</param>
    /// <param name="completions">Chosen and rejected, say: each the messages that follow.</param>
    /// <param name="extra">Further variables of the template, as in <see cref="ChatTemplate.Render"/>.</param>
    /// <exception cref="InvalidDataException">
    /// The template refuses a conversation, or writes the prompt otherwise once an answer follows it, so that no training text
    /// would begin with what the model is given when it is used. The message shows both texts where they part.
    /// </exception>
    public static RenderedConversation Of(
        ChatTemplate template,
        IReadOnlyList<ChatMessage> prompt,
        IReadOnlyList<IReadOnlyList<ChatMessage>> completions,
        IReadOnlyDictionary<string, object?>? extra = null)
    {
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(completions);
        var start = prompt.Count == 0 ? "" : template.Render(prompt, addGenerationPrompt: prompt[^1].Role != "assistant", extra);
        return new RenderedConversation(start, [.. completions.Select(completion => After(start, template.Render([.. prompt, .. completion], false, extra)))]);
    }

    private static string After(string prompt, string whole) =>
        whole.StartsWith(prompt, StringComparison.Ordinal) ? whole[prompt.Length..] : throw NotAPrefix(prompt, whole);

    private static InvalidDataException NotAPrefix(string prompt, string whole)
    {
        var same = prompt.AsSpan().CommonPrefixLength(whole);
        return new InvalidDataException(
            $"the chat template writes the prompt otherwise once an answer follows, from character {same} on:\n"
            + $"  prompt alone:       {Around(prompt, same)}\n"
            + $"  prompt with answer: {Around(whole, same)}\n"
            + "The prompt must be the beginning of both. Use a template made for training (data.chat_template: FILE), or one that leaves earlier turns as they are.");
    }

    private static string Around(string text, int place)
    {
        var (start, end) = (Math.Max(0, place - 60), Math.Min(text.Length, place + 60));
        var shown = text[start..end].Replace("\n", "\\n", StringComparison.Ordinal);
        return $"{(start > 0 ? "..." : "")}{shown}{(end < text.Length ? "..." : "")}";
    }
}
