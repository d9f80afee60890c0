using System.Text.Json;
using Orchestrator.Training.Data.Templates;

namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>
/// What tokenizer_config.json says that changes ids. It is obeyed as transformers 4 obeys it when it loads a fast tokenizer, or refused by the
/// key's name.
/// </summary>
internal sealed class TokenizerConfig
{
    private const string Bos = "add_bos_token", Eos = "add_eos_token", Prefix = "add_prefix_space";

    // These build their post-processor anew from the two flags; all others leave it as tokenizer.json has it.
    private static readonly string[] Framing = ["LlamaTokenizer", "LlamaTokenizerFast", "CodeLlamaTokenizer", "CodeLlamaTokenizerFast", "GemmaTokenizer", "GemmaTokenizerFast"];

    private readonly TokenizerSection _file;
    private readonly string? _class;

    private TokenizerConfig(TokenizerSection file)
    {
        (_file, AddsPrefixSpace) = (file, Flag(file, Prefix));
        _class = file.Has("tokenizer_class") ? file.Text("tokenizer_class") : null;
    }

    /// <summary>Whether a text gets a space before it; null where the file does not say.</summary>
    public bool? AddsPrefixSpace { get; }

    /// <summary>The key "added_tokens_decoder": for each id as text, a token.</summary>
    public TokenizerSection? AddedTokens => _file.Has("added_tokens_decoder") ? _file.Section("added_tokens_decoder") : null;

    /// <summary>An absent file says nothing.</summary>
    public static TokenizerConfig Read(string directory)
    {
        var path = Path.Combine(directory, "tokenizer_config.json");
        return new(new TokenizerSection(path, JsonFile.Read(path) ?? JsonSerializer.SerializeToElement(new { })));
    }

    /// <summary>vocab.json and merges.txt do not say how a text is cut: only GPT-2's own way is known without a tokenizer.json.</summary>
    public void RequireGpt2()
    {
        if (_class is not (null or "GPT2Tokenizer" or "GPT2TokenizerFast"))
        {
            throw new NotSupportedException(
                $"{_file.Where}: tokenizer_class is \"{_class}\", and without a tokenizer.json only GPT2Tokenizer can be read from vocab.json and merges.txt. Save the tokenizer with tokenizer.json.");
        }
    }

    /// <summary>Refuses a tokenizer.json with a step that states another "add_prefix_space" than this file does.</summary>
    public void RequireSamePrefix(TokenizerSection tokenizer)
    {
        if (AddsPrefixSpace is { } asked && PrefixSteps(tokenizer).FirstOrDefault(step => step.Adds != asked) is { Step: { } step })
        {
            throw new NotSupportedException(
                $"{_file.Where}: {Prefix} is {Written(asked)}, but {step.Where} ({step.Type}) {(asked ? "puts no space" : "puts a space")} before a text. Make the two agree, or remove the key.");
        }
    }

    /// <param name="own">What tokenizer.json's post-processor adds.</param>
    /// <param name="names">Of the tokens that begin and end a text.</param>
    /// <param name="ids">By token.</param>
    public SpecialTokenFrame Frame(SpecialTokenFrame own, SpecialTokenNames names, IReadOnlyDictionary<string, int> ids)
    {
        var (bos, eos) = (Flag(_file, Bos), Flag(_file, Eos));
        if (Framing.Contains(_class) && (bos ?? eos) is not null)
        {
            return new(bos ?? true ? [Id(Bos, names.Bos, ids)] : [], eos ?? false ? [Id(Eos, names.Eos, ids)] : []);
        }

        RequireToken(Bos, bos, names.Bos, ids, own.Before, "before");
        RequireToken(Eos, eos, names.Eos, ids, own.After, "after");
        return own;
    }

    private void RequireToken(string key, bool? asked, string? name, IReadOnlyDictionary<string, int> ids, int[] added, string where)
    {
        if (asked == true && !added.Contains(Id(key, name, ids)))
        {
            throw new NotSupportedException(
                $"{_file.Where}: {key} is true, but the tokenizer's post_processor puts no \"{name}\" {where} a text, and {_class ?? "a file without tokenizer_class"} does not make it. "
                + "Let the post_processor of tokenizer.json add it (TemplateProcessing), or set the key to false.");
        }
    }

    private int Id(string key, string? name, IReadOnlyDictionary<string, int> ids) => name is not null && ids.TryGetValue(name, out var id)
        ? id
        : throw new InvalidDataException(
            $"{_file.Where}: {key} needs {key["add_".Length..]}, which {(name is null ? "no file names" : $"is \"{name}\", no token of this tokenizer")}. Name one, or set the key to false.");

    private static IEnumerable<(TokenizerSection Step, bool Adds)> PrefixSteps(TokenizerSection tokenizer)
    {
        foreach (var step in tokenizer.Steps("pre_tokenizer", "pretokenizers").Concat(tokenizer.Steps("normalizer", "normalizers")))
        {
            switch (step.Type)
            {
                case "ByteLevel" when step.Has(Prefix):
                    yield return (step, step.Flag(Prefix, true));
                    break;
                case "Metaspace":
                    yield return (step, PrependScheme.Read(step) != PrependScheme.Never);
                    break;
                case "Prepend":
                    yield return (step, true);
                    break;
            }
        }
    }

    private static bool? Flag(TokenizerSection file, string key) => file.Has(key) ? file.Flag(key, false) : null;

    private static string Written(bool value) => value ? "true" : "false";
}
