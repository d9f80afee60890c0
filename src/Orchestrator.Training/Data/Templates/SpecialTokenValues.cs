using System.Text.Json;

namespace Orchestrator.Training.Data.Templates;

/// <summary>
/// The special tokens a template may name (bos_token, eos_token and any other "..._token"): from tokenizer_config.json, then
/// special_tokens_map.json, each a string or {"content": string}.
/// </summary>
internal static class SpecialTokenValues
{
    public static readonly IReadOnlyDictionary<string, object?> None = new Dictionary<string, object?>();

    public static IReadOnlyDictionary<string, object?> Read(string directory)
    {
        var tokens = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var file in new[] { "tokenizer_config.json", "special_tokens_map.json" })
        {
            if (JsonFile.Read(Path.Combine(directory, file)) is { } root)
            {
                Add(root, tokens);
            }
        }

        return tokens;
    }

    private static void Add(JsonElement root, Dictionary<string, object?> tokens)
    {
        foreach (var property in root.EnumerateObject())
        {
            if (property.Name.EndsWith("_token", StringComparison.Ordinal) && Text(property.Value) is { } token)
            {
                tokens.TryAdd(property.Name, token);
            }
            else if (property.Name == "additional_special_tokens" && property.Value.ValueKind == JsonValueKind.Array)
            {
                tokens.TryAdd(property.Name, property.Value.EnumerateArray().Select(Text).Where(text => text is not null).ToList());
            }
        }
    }

    private static string? Text(JsonElement value)
    {
        var text = value.ValueKind == JsonValueKind.Object && value.TryGetProperty("content", out var content) ? content : value;
        return text.ValueKind == JsonValueKind.String ? text.GetString() : null;
    }
}
