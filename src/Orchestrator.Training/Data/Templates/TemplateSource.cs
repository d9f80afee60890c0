using System.Text.Json;

namespace Orchestrator.Training.Data.Templates;

/// <summary>Where a model keeps its chat template.</summary>
/// <param name="Name">The file, and the template's name in it where there are several: for error messages.</param>
internal sealed record TemplateSource(string Name, string Text)
{
    // Larger than any template by far: the largest known one has 20 KB.
    private const long LargestFile = 2_000_000;

    public static TemplateSource? Find(string directory)
    {
        if (!Directory.Exists(directory))
        {
            throw new FileNotFoundException($"{directory}: there is no such model directory.");
        }

        foreach (var name in new[] { "chat_template.jinja", "additional_chat_templates/default.jinja", "chat_templates/default.jinja" })
        {
            var path = Path.Combine(directory, name);
            if (File.Exists(path))
            {
                return OfFile(path);
            }
        }

        return InJson(Path.Combine(directory, "tokenizer_config.json")) ?? InJson(Path.Combine(directory, "chat_template.json"));
    }

    public static TemplateSource OfFile(string path)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"{path}: there is no such chat template. Give a .jinja file, or a .json file with the key \"chat_template\".");
        }

        if (Path.GetExtension(path) == ".json")
        {
            return InJson(path) ?? throw new InvalidDataException($"{path} has no \"chat_template\".");
        }

        return new FileInfo(path).Length <= LargestFile
            ? new TemplateSource(path, File.ReadAllText(path))
            : throw new InvalidDataException($"{path} has more than {LargestFile} bytes: that is no chat template.");
    }

    private static TemplateSource? InJson(string path)
    {
        if (JsonFile.Read(path) is not { } root || !root.TryGetProperty("chat_template", out var template))
        {
            return null;
        }

        return template.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.String => new TemplateSource($"{path}, chat_template", template.GetString()!),
            JsonValueKind.Array => Default(path, Named(path, template)),
            JsonValueKind.Object => Default(path, [.. template.EnumerateObject().Select(entry => (entry.Name, entry.Value.GetString() ?? ""))]),
            _ => throw new InvalidDataException($"{path}: chat_template is {template.ValueKind}, and a string or a list of named templates is needed."),
        };
    }

    private static List<(string Name, string Text)> Named(string path, JsonElement list)
    {
        var named = new List<(string, string)>();
        foreach (var entry in list.EnumerateArray())
        {
            named.Add(entry.ValueKind == JsonValueKind.Object
                && entry.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String
                && entry.TryGetProperty("template", out var text) && text.ValueKind == JsonValueKind.String
                ? (name.GetString()!, text.GetString()!)
                : throw new InvalidDataException($"{path}: chat_template[{named.Count}] needs the strings \"name\" and \"template\"."));
        }

        return named;
    }

    private static TemplateSource Default(string path, List<(string Name, string Text)> named) =>
        named.Where(template => template.Name == "default").Select(template => new TemplateSource($"{path}, chat_template \"default\"", template.Text)).FirstOrDefault()
        ?? throw new InvalidDataException(
            $"{path}: chat_template has {named.Count} named templates ({string.Join(", ", named.Select(template => template.Name))}) and none is named \"default\". "
            + "Write the one to use to a .jinja file and name that file.");
}
