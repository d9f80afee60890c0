using Orchestrator.Training.Data;

namespace Orchestrator.Host.Runs;

/// <summary>What turns a model's texts into tokens.</summary>
/// <param name="Tokenizer">null where the folder holds none: rows of ids need none.</param>
/// <param name="Chat">null: conversations cannot be read.</param>
public sealed record TextSource(TextTokenizer? Tokenizer, IChatFormat? Chat)
{
    /// <param name="chatTemplate">As data.chat_template: see <see cref="ChatFormats.Choose"/>.</param>
    /// <exception cref="FileNotFoundException">There is no such template.</exception>
    /// <exception cref="InvalidDataException">The template is not understood; with file and line.</exception>
    public static TextSource Load(string modelDirectory, string chatTemplate) =>
        new(TokenizerOf(modelDirectory), ChatFormats.Choose(chatTemplate, modelDirectory));

    private static TextTokenizer? TokenizerOf(string modelDirectory)
    {
        try
        {
            return TextTokenizer.Load(modelDirectory);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }
}
