using System.Text.Json;

namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>Which tokens begin, end and fill up a text: from tokenizer_config.json, then special_tokens_map.json.</summary>
internal sealed record SpecialTokenNames(string? Bos, string? Eos, string? Pad)
{
    private const string EndOfText = "<|endoftext|>";

    public static SpecialTokenNames Read(string directory)
    {
        var names = ReadFile(Path.Combine(directory, "tokenizer_config.json")).Or(ReadFile(Path.Combine(directory, "special_tokens_map.json")));

        // GPT-2's own vocab.json and merges.txt come without either file; its one special token begins and ends a text.
        return File.Exists(Path.Combine(directory, "tokenizer.json")) ? names : names.Or(new SpecialTokenNames(EndOfText, EndOfText, null));
    }

    private SpecialTokenNames Or(SpecialTokenNames other) => new(Bos ?? other.Bos, Eos ?? other.Eos, Pad ?? other.Pad);

    private static SpecialTokenNames ReadFile(string path)
    {
        if (!File.Exists(path))
        {
            return new(null, null, null);
        }

        try
        {
            using var document = JsonDocument.Parse(File.ReadAllText(path));
            var root = document.RootElement;
            return new(Name(root, "bos_token"), Name(root, "eos_token"), Name(root, "pad_token"));
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path} is not JSON: {error.Message}");
        }
    }

    // Written as "</s>" or as {"content": "</s>", ...}.
    private static string? Name(JsonElement root, string key)
    {
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty(key, out var value))
        {
            return null;
        }

        var text = value.ValueKind == JsonValueKind.Object && value.TryGetProperty("content", out var content) ? content : value;
        return text.ValueKind == JsonValueKind.String ? text.GetString() : null;
    }
}
