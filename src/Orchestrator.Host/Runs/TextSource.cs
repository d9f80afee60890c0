using Orchestrator.Training.Data;

namespace Orchestrator.Host.Runs;

/// <summary>What turns a model's texts into tokens.</summary>
/// <param name="Tokenizer">null where the folder holds none: rows of ids need none.</param>
/// <param name="Chat">null: conversations cannot be read.</param>
public sealed record TextSource(TextTokenizer? Tokenizer, IChatFormat? Chat)
{
    /// <param name="chatTemplate">As data.chat_template: auto, transcript, none, or a folder.</param>
    /// <exception cref="FileNotFoundException">The folder of a template holds none.</exception>
    public static TextSource Load(string modelDirectory, string chatTemplate) => new(TokenizerOf(modelDirectory), chatTemplate switch
    {
        "none" => null,
        "transcript" or "auto" => new TranscriptFormat(),
        _ => throw new FileNotFoundException($"data.chat_template is {chatTemplate}, and that folder holds no chat template."),
    });

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
