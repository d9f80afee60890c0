using System.Globalization;
using System.Text.Json;

namespace Orchestrator.Training.Models;

/// <summary>
/// A Hugging Face config.json. Values are read by name; a value that is missing, of the wrong type or not supported is one clear error with the
/// file and the key.
/// </summary>
public sealed class ModelConfig
{
    private readonly JsonElement _root;

    public ModelConfig(string path, string json)
    {
        Path = path;
        Json = json;
        try
        {
            using var document = JsonDocument.Parse(json);
            _root = document.RootElement.Clone();
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path} is not JSON: {error.Message}");
        }
    }

    public string Path { get; }

    public string Json { get; }

    public string ModelType => Text("model_type");

    public static ModelConfig Load(string modelDirectory)
    {
        var path = System.IO.Path.Combine(modelDirectory, "config.json");
        return File.Exists(path)
            ? new ModelConfig(path, File.ReadAllText(path))
            : throw new FileNotFoundException($"{modelDirectory} is not a model directory: it has no config.json. Name a directory in Hugging Face layout.", path);
    }

    /// <summary>True where the key stands with a value other than null.</summary>
    public bool Has(string key) => _root.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;

    public int Int(string key) => Int(key, null);

    public int Int(string key, int? absent) => (int)Number(key, absent);

    public double Number(string key, double? absent = null)
    {
        if (!Has(key))
        {
            return absent ?? throw Missing(key);
        }

        var value = _root.GetProperty(key);
        return value.ValueKind == JsonValueKind.Number ? value.GetDouble() : throw Wrong(key, value, "a number");
    }

    public bool Flag(string key, bool absent)
    {
        if (!Has(key))
        {
            return absent;
        }

        var value = _root.GetProperty(key);
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Wrong(key, value, "true or false");
    }

    public string Text(string key, string? absent = null)
    {
        if (!Has(key))
        {
            return absent ?? throw Missing(key);
        }

        var value = _root.GetProperty(key);
        return value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong(key, value, "a string");
    }

    /// <summary>A nested object, or null where it is absent or null.</summary>
    public ModelConfig? Section(string key) => Has(key) ? new ModelConfig($"{Path}: {key}", _root.GetProperty(key).GetRawText()) : null;

    public IEnumerable<string> Keys => _root.EnumerateObject().Select(property => property.Name);

    public JsonElement Element(string key) => _root.GetProperty(key);

    /// <summary>Refuses every value but the ones this program computes exactly.</summary>
    public void Require(string key, params string[] supported)
    {
        if (Has(key) && !supported.Contains(Plain(_root.GetProperty(key)), StringComparer.Ordinal))
        {
            throw Unsupported(key, $"supported: {string.Join(", ", supported)}");
        }
    }

    public NotSupportedException Unsupported(string key, string what) =>
        new($"{Path}: {key} is {(Has(key) ? Plain(_root.GetProperty(key)) : "absent")}, which is not supported ({what}).");

    private static string Plain(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        JsonValueKind.Number => value.GetDouble().ToString(CultureInfo.InvariantCulture),
        _ => value.GetRawText(),
    };

    private InvalidDataException Missing(string key) => new($"{Path}: {key} is missing, and this model type needs it.");

    private InvalidDataException Wrong(string key, JsonElement value, string needed) =>
        new($"{Path}: {key} is {value.GetRawText()}, and {needed} is needed.");
}
