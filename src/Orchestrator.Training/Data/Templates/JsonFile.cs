using System.Text.Json;

namespace Orchestrator.Training.Data.Templates;

/// <summary>A model's small JSON files, which may be absent.</summary>
internal static class JsonFile
{
    /// <returns>The object in the file, or null where there is no file.</returns>
    /// <exception cref="InvalidDataException">The file holds no JSON object.</exception>
    public static JsonElement? Read(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(File.ReadAllText(path));
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.Clone()
                : throw new InvalidDataException($"{path} holds {document.RootElement.ValueKind}, and a JSON object is needed.");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path} is not JSON: {error.Message}");
        }
    }
}
