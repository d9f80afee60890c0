using System.Text.Json;

namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>What a tokenizer is made of, as read from its files.</summary>
internal sealed record TokenizerParts(
    BpeVocabulary Vocabulary,
    IReadOnlyList<AddedToken> Added,
    Normalizer? Normalizer,
    IReadOnlyList<PreTokenizer> PreTokenizers,
    SpecialTokenFrame Frame,
    TokenDecoder? Decoder)
{
    private const string EndOfText = "<|endoftext|>";

    /// <summary>tokenizer.json, else vocab.json with merges.txt, and what the files beside them add.</summary>
    /// <exception cref="FileNotFoundException">The directory holds neither.</exception>
    /// <exception cref="InvalidDataException">A value is missing or has the wrong type.</exception>
    /// <exception cref="NotSupportedException">The file asks for something that could not be computed exactly.</exception>
    public static TokenizerParts Read(string directory, SpecialTokenNames names)
    {
        var config = TokenizerConfig.Read(directory);
        var parts = ReadFiles(directory, config);
        var added = DeclaredTokens.AddTo(parts.Added, parts.Vocabulary, directory, config);
        var framed = parts with { Added = added };
        return framed with { Frame = config.Frame(parts.Frame, names, framed.Ids()) };
    }

    /// <summary>The id of every token, an added token's last.</summary>
    public Dictionary<string, int> Ids()
    {
        var ids = new Dictionary<string, int>(Vocabulary.Ids, StringComparer.Ordinal);
        foreach (var token in Added)
        {
            ids[token.Content] = token.Id;
        }

        return ids;
    }

    private static TokenizerParts ReadFiles(string directory, TokenizerConfig config)
    {
        var (json, vocabulary, merges) = (Path.Combine(directory, "tokenizer.json"), Path.Combine(directory, "vocab.json"), Path.Combine(directory, "merges.txt"));
        if (File.Exists(json))
        {
            return ReadJson(json, config);
        }

        return File.Exists(vocabulary) && File.Exists(merges)
            ? ReadGpt2(vocabulary, merges, config)
            : throw new FileNotFoundException($"{directory} holds no tokenizer: neither tokenizer.json nor vocab.json with merges.txt. Name a directory in Hugging Face layout.");
    }

    private static TokenizerParts ReadJson(string path, TokenizerConfig config)
    {
        using var document = Parse(path);
        var root = new TokenizerSection(path, document.RootElement).Without("version", "truncation", "padding");
        var parts = new TokenizerParts(
            BpeVocabulary.Read(root.Section("model")),
            root.Has("added_tokens") ? [.. root.Sections("added_tokens").Select(token => AddedToken.Read(token))] : [],
            root.Has("normalizer") ? Normalizers.Read(root.Section("normalizer")) : null,
            root.Has("pre_tokenizer") ? Tokenizers.PreTokenizers.Read(root.Section("pre_tokenizer")) : [],
            root.Has("post_processor") ? PostProcessors.Read(root.Section("post_processor")) : SpecialTokenFrame.None,
            root.Has("decoder") ? Decoders.Read(root.Section("decoder")) : null);
        root.Done();
        RequireKnownBeginning(root);
        config.RequireSamePrefix(root);
        return parts;
    }

    // "first" means the first character of the text as it was given, and nothing here remembers that one was taken away.
    private static void RequireKnownBeginning(TokenizerSection root)
    {
        var first = root.Steps("pre_tokenizer", "pretokenizers").FirstOrDefault(step => step.Type == "Metaspace" && PrependScheme.Read(step) == PrependScheme.First);
        var shortens = root.Steps("normalizer", "normalizers").FirstOrDefault(step => step.Type switch
        {
            "Strip" => step.Flag("strip_left", true),
            "Replace" => step.Text("content").Length == 0 || step.Section("pattern").Text("String", "").EnumerateRunes().Count() != 1,
            _ => false,
        });
        if (first is not null && shortens is not null)
        {
            throw new NotSupportedException(
                $"{first.Where}: Metaspace with prepend_scheme \"{PrependScheme.First}\" is not supported after {shortens.Where} ({shortens.Type}), which can take a text's first character away.");
        }
    }

    // GPT-2's first publication: byte level, one special token, no token added before or after a text.
    private static TokenizerParts ReadGpt2(string vocabularyPath, string mergesPath, TokenizerConfig config)
    {
        config.RequireGpt2();
        using var document = Parse(vocabularyPath);
        var ids = document.RootElement.EnumerateObject().ToDictionary(token => token.Name, token => token.Value.GetInt32(), StringComparer.Ordinal);
        var merges = File.ReadLines(mergesPath).Where(line => line.Length > 0 && !line.StartsWith("#version", StringComparison.Ordinal))
            .Select(line => line.Split(' ') is [var left, var right]
                ? (left, right)
                : throw new InvalidDataException($"{mergesPath} holds the line \"{line}\", and a pair of tokens is needed."));
        return new TokenizerParts(
            new BpeVocabulary(vocabularyPath, ids, [.. merges]),
            ids.TryGetValue(EndOfText, out var end) ? [new AddedToken(end, EndOfText)] : [],
            null,
            Tokenizers.PreTokenizers.Gpt2(config.AddsPrefixSpace ?? false),
            SpecialTokenFrame.None,
            Decoders.ByteLevel);
    }

    private static JsonDocument Parse(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            var document = JsonDocument.Parse(stream);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document
                : throw new InvalidDataException($"{path} holds no JSON object, and one is needed.");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path} is not JSON: {error.Message}");
        }
    }
}
