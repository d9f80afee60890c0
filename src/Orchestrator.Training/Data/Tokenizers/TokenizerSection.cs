using System.Text.Json;

namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>
/// One object of a tokenizer.json. It remembers which keys were read: a key that nobody read is one this program does not understand, and
/// <see cref="Done"/> then refuses the file by that key's name.
/// </summary>
internal sealed class TokenizerSection(string where, JsonElement element)
{
    private readonly HashSet<string> _read = ["type"];

    public string Where { get; } = where;

    public string Type => Text("type");

    public IEnumerable<string> Keys => element.EnumerateObject().Select(property => property.Name);

    public bool Has(string key)
    {
        _read.Add(key);
        return element.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;
    }

    public string Text(string key, string? absent = null)
    {
        if (!Has(key))
        {
            return absent ?? throw Wrong(key, "a string");
        }

        var value = element.GetProperty(key);
        return value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong(key, "a string");
    }

    public bool Flag(string key, bool absent)
    {
        if (!Has(key))
        {
            return absent;
        }

        var value = element.GetProperty(key);
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Wrong(key, "true or false");
    }

    public int Number(string key) =>
        Has(key) && element.GetProperty(key).ValueKind == JsonValueKind.Number && element.GetProperty(key).TryGetInt32(out var value)
            ? value
            : throw Wrong(key, "a whole number");

    public double Real(string key) =>
        Has(key) && element.GetProperty(key).ValueKind == JsonValueKind.Number ? element.GetProperty(key).GetDouble() : throw Wrong(key, "a number");

    public TokenizerSection Section(string key) =>
        Has(key) && element.GetProperty(key).ValueKind == JsonValueKind.Object
            ? new TokenizerSection($"{Where}.{key}", element.GetProperty(key))
            : throw Wrong(key, "an object");

    public IReadOnlyList<TokenizerSection> Sections(string key) =>
        [.. Items(key).Select((item, index) => item.ValueKind == JsonValueKind.Object
            ? new TokenizerSection($"{Where}.{key}[{index}]", item)
            : throw Wrong($"{key}[{index}]", "an object"))];

    /// <summary>The steps under a key: one, or those of a "Sequence", whose steps stand under <paramref name="list"/>, and of any inside it.</summary>
    public IEnumerable<TokenizerSection> Steps(string key, string list) => Has(key) ? Section(key).Steps(list) : [];

    public IEnumerable<JsonElement> Items(string key) =>
        Has(key) && element.GetProperty(key).ValueKind == JsonValueKind.Array ? element.GetProperty(key).EnumerateArray() : throw Wrong(key, "a list");

    public IEnumerable<JsonProperty> Properties(string key) =>
        Has(key) && element.GetProperty(key).ValueKind == JsonValueKind.Object ? element.GetProperty(key).EnumerateObject() : throw Wrong(key, "an object");

    /// <summary>Keys that change nothing in what this program computes (character offsets, training settings).</summary>
    public TokenizerSection Without(params string[] keys)
    {
        _read.UnionWith(keys);
        return this;
    }

    public void Done()
    {
        foreach (var property in element.EnumerateObject().Where(p => p.Value.ValueKind != JsonValueKind.Null && !_read.Contains(p.Name)))
        {
            throw new NotSupportedException($"{Where} has the key \"{property.Name}\", which this program does not understand, so it could not promise exact ids.");
        }
    }

    public NotSupportedException Unknown(string kind, IEnumerable<string> known) =>
        new($"{Where}: {kind} \"{Type}\" is not supported. Supported: {string.Join(", ", known)}.");

    public InvalidDataException Wrong(string key, string needed) =>
        new($"{Where}: {key} is {(element.TryGetProperty(key, out var value) ? Short(value.GetRawText()) : "missing")}, and {needed} is needed.");

    private IEnumerable<TokenizerSection> Steps(string list) => Type == "Sequence" ? Sections(list).SelectMany(step => step.Steps(list)) : [this];

    private static string Short(string raw) => raw.Length <= 80 ? raw : raw[..80] + "...";
}
