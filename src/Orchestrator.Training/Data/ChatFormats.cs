using Orchestrator.Training.Data.Rows;

namespace Orchestrator.Training.Data;

/// <summary>Writes conversations out as the text that the model reads.</summary>
public interface IChatFormat
{
    /// <summary>
    /// True: the text holds all special tokens itself, so the tokenizer adds none in front. False: it is plain text, encoded as such.
    /// </summary>
    bool WritesSpecialTokens { get; }

    /// <summary>Two formats of one identity render alike, today and tomorrow. Null: that cannot be said.</summary>
    string? Identity => null;

    /// <param name="addGenerationPrompt">End with what comes before the assistant's next words.</param>
    /// <param name="variables">What the conversation brings beside its messages: "tools", "documents", "enable_thinking" and so on.</param>
    /// <exception cref="InvalidDataException">The conversation is not one that the format can write; the message says why.</exception>
    string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, IReadOnlyDictionary<string, object?>? variables = null);
}

/// <summary>What data.chat_template in a run file names.</summary>
public static class ChatFormats
{
    /// <param name="setting">
    /// "auto": the model's own template, transcripts where it has none; "transcript": <see cref="TranscriptFormat"/>; "none"; else a template
    /// file, or a model's folder whose template is taken.
    /// </param>
    /// <param name="modelDirectory">Whose template and special tokens are read.</param>
    /// <returns>null for "none": a row that is a conversation then fails with a message.</returns>
    /// <exception cref="FileNotFoundException">The file or folder does not exist, or the folder holds no template.</exception>
    /// <exception cref="InvalidDataException">The template is not understood; with file and line.</exception>
    public static IChatFormat? Choose(string setting, string modelDirectory) => setting switch
    {
        "none" => null,
        "transcript" => new TranscriptFormat(),
        "auto" => ChatTemplate.Load(modelDirectory) ?? (IChatFormat)new TranscriptFormat(),
        _ when Directory.Exists(setting) => ChatTemplate.Load(setting, modelDirectory)
            ?? throw new FileNotFoundException($"data.chat_template is {setting}, and that folder holds no chat template."),
        _ => ChatTemplate.FromFile(setting, modelDirectory),
    };
}

/// <summary>
/// Transcripts as Anthropic's HH data has them, for models without a chat template: "\n\nHuman: Hi\n\nAssistant: Hello". A system message
/// stands before the first turn as it is. The prompt ends with "\n\nAssistant:", the answer begins with a space.
/// </summary>
public sealed class TranscriptFormat : IChatFormat
{
    /// <inheritdoc/>
    public bool WritesSpecialTokens => false;

    /// <inheritdoc/>
    public string Identity => "transcript";

    /// <inheritdoc/>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, IReadOnlyDictionary<string, object?>? variables = null) =>
        Array.Find([TemplateVariables.Tools, TemplateVariables.Documents], name => TemplateVariables.Holds(variables, name)) is { } unwritten
            ? throw new InvalidDataException($"the row has {unwritten}, and transcripts write none. Set data.chat_template to a template that does")
            : string.Concat(messages.Select((message, at) => Turn(message, at))) + (addGenerationPrompt ? "\n\nAssistant:" : "");

    private static string Turn(ChatMessage message, int at) => message.Role switch
    {
        "system" when at == 0 => message.Content,
        "user" => $"\n\nHuman: {message.Content}",
        "assistant" => $"\n\nAssistant: {message.Content}",
        _ => throw new InvalidDataException($"message {at} has role \"{message.Role}\"; transcripts have user and assistant, and system as the first"),
    };
}
