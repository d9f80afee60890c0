using Orchestrator.Training.Data.Templates;
using Orchestrator.Training.Data.Templates.Library;
using Orchestrator.Training.Data.Templates.Syntax;
using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data;

/// <summary>
/// A model's own chat template: the Jinja text that turns a conversation into the one string the model was trained on, rendered to the byte as
/// transformers renders it. A template computes and loops but can reach nothing outside the conversation, and its work is bounded.
/// Thread-safe.
/// </summary>
public sealed class ChatTemplate : IChatFormat
{
    private readonly string _name;
    private readonly IReadOnlyList<Statement> _statements;
    private readonly IReadOnlyDictionary<string, object?> _specialTokens;
    private readonly TimeProvider _clock;

    private ChatTemplate(TemplateSource source, IReadOnlyDictionary<string, object?> specialTokens, TimeProvider? clock)
    {
        (_name, Source, _specialTokens, _clock) = (source.Name, source.Text, specialTokens, clock ?? TimeProvider.System);
        try
        {
            _statements = TemplateParser.Parse(source.Text, out var names);
            UsesClock = names.Contains("strftime_now");
        }
        catch (TemplateError error)
        {
            throw new InvalidDataException($"{_name}, line {error.Line}: {error.Message}");
        }
    }

    /// <summary>The template as it is written: two models whose sources and special tokens are equal render alike.</summary>
    public string Source { get; }

    /// <inheritdoc/>
    public bool WritesSpecialTokens => true;

    /// <inheritdoc/>
    public string? Identity => UsesClock ? null : $"template {Source.Length} {Source}{System.Text.Json.JsonSerializer.Serialize(_specialTokens.OrderBy(token => token.Key, StringComparer.Ordinal))}";

    /// <summary>Whether the rendering may hold today's date, so that it is another one tomorrow.</summary>
    public bool UsesClock { get; }

    /// <summary>
    /// The template of a model in Hugging Face layout: chat_template.jinja, else default.jinja in additional_chat_templates or chat_templates,
    /// else "chat_template" in tokenizer_config.json or chat_template.json (of several named ones, "default").
    /// </summary>
    /// <param name="tokensOf">The model whose special tokens the template may use, where that is another one.</param>
    /// <param name="clock">Gives the date to templates that write it; the system's where absent.</param>
    /// <returns>null where the model has no template.</returns>
    /// <exception cref="FileNotFoundException">There is no such directory.</exception>
    /// <exception cref="InvalidDataException">A file is not what it should be, or the template is not understood; with file and line.</exception>
    public static ChatTemplate? Load(string modelDirectory, string? tokensOf = null, TimeProvider? clock = null) =>
        TemplateSource.Find(modelDirectory) is { } source ? new ChatTemplate(source, SpecialTokenValues.Read(tokensOf ?? modelDirectory), clock) : null;

    /// <summary>A template in a file of its own: Jinja text, or a .json file with the key "chat_template".</summary>
    /// <param name="modelDirectory">Whose special tokens (bos_token and so on) the template may use.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The template is not understood; with file and line.</exception>
    public static ChatTemplate FromFile(string path, string? modelDirectory = null, TimeProvider? clock = null) =>
        new(TemplateSource.OfFile(path), modelDirectory is null ? SpecialTokenValues.None : SpecialTokenValues.Read(modelDirectory), clock);

    /// <summary>A template that is at hand as text.</summary>
    /// <param name="name">What error messages call it.</param>
    /// <exception cref="InvalidDataException">The template is not understood; with its line.</exception>
    public static ChatTemplate FromText(string source, string name = "chat template", TimeProvider? clock = null) =>
        new(new TemplateSource(name, source), SpecialTokenValues.None, clock);

    /// <param name="messages">The conversation.</param>
    /// <param name="addGenerationPrompt">End with what begins the assistant's turn.</param>
    /// <param name="variables">
    /// Further variables ("tools", "documents", "enable_thinking"), which also replace those of the same name: text, numbers, booleans, null,
    /// JsonElement, lists and dictionaries of them.
    /// </param>
    /// <returns>The text to be tokenised without adding special tokens: a template writes its own.</returns>
    /// <exception cref="InvalidDataException">The template refuses the conversation or fails on it; with file, line and reason.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, IReadOnlyDictionary<string, object?>? variables = null)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var evaluator = new Evaluator(new Limits());
        try
        {
            return new Renderer(evaluator).Render(_statements, Variables(messages, addGenerationPrompt, variables));
        }
        catch (TemplateError error)
        {
            throw new InvalidDataException($"{_name}, line {(error.Line > 0 ? error.Line : evaluator.Line)}: {error.Message}");
        }
    }

    private Scope Variables(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, IReadOnlyDictionary<string, object?>? more)
    {
        var variables = new Scope(Globals.Create(_clock));
        variables.Set("messages", JsonValues.Of(messages));
        variables.Set("tools", null);
        variables.Set("documents", null);
        variables.Set("add_generation_prompt", addGenerationPrompt);
        foreach (var (name, value) in _specialTokens.Concat(more ?? SpecialTokenValues.None))
        {
            variables.Set(name, JsonValues.Of(value));
        }

        return variables;
    }
}
