using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Orchestrator.Training.Data.Rows;

/// <summary>The fields of one row, under the names that formats use for them.</summary>
internal sealed class JsonFields(JsonElement row, IReadOnlyDictionary<string, string> columns)
{
    public bool Has(string name) => Find(name) is { ValueKind: not JsonValueKind.Null };

    /// <summary>Whether the row has such a field at all, be it null.</summary>
    public bool Names(string name) => Find(name) is not null;

    public bool IsText(string name) => Find(name) is { ValueKind: JsonValueKind.String };

    public bool IsList(string name) => Find(name) is { ValueKind: JsonValueKind.Array };

    public string Text(string name)
    {
        var value = Get(name, "a text");
        return value.ValueKind == JsonValueKind.String ? Text(value) : throw Wrong(name, value, "a text");
    }

    /// <summary>true or false, or 1 or 0.</summary>
    public bool Flag(string name)
    {
        const string Needed = "true or false";
        var value = Get(name, Needed);
        return value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.Number when value.TryGetInt32(out var number) && number is 0 or 1 => number == 1,
            _ => throw Wrong(name, value, Needed),
        };
    }

    public int[] Ids(string name)
    {
        const string Needed = "a list of token ids (whole numbers)";
        var value = Get(name, Needed);
        if (value.ValueKind != JsonValueKind.Array)
        {
            throw Wrong(name, value, Needed);
        }

        var (ids, at) = (new int[value.GetArrayLength()], 0);
        foreach (var item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out ids[at]))
            {
                throw Wrong($"{name}[{at}]", item, "a token id");
            }

            at++;
        }

        return ids;
    }

    /// <summary>A list of messages; one message alone is a list of one.</summary>
    public ChatMessage[] Messages(string name)
    {
        const string Needed = "a list of messages";
        var value = Get(name, Needed);
        return value.ValueKind switch
        {
            JsonValueKind.Array => [.. value.EnumerateArray().Select((item, at) => Message(item, $"{name}[{at}]"))],
            JsonValueKind.Object => [Message(value, name)],
            _ => throw Wrong(name, value, Needed),
        };
    }

    public JsonElement[] Items(string name)
    {
        var value = Get(name, "a list");
        return value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : throw Wrong(name, value, "a list");
    }

    /// <summary>A value of that kind, or the text of one; null where there is none, or a blank text.</summary>
    public JsonElement? Json(string name, JsonValueKind kind, string needed)
    {
        var value = Find(name);
        if (value is { ValueKind: JsonValueKind.String } text)
        {
            value = string.IsNullOrWhiteSpace(Text(text)) ? null : Parsed(name, Text(text), needed);
        }

        return value switch
        {
            null or { ValueKind: JsonValueKind.Null } => null,
            { } found when found.ValueKind == kind => found,
            { } other => throw Wrong(name, other, needed),
        };
    }

    /// <summary>A number, or a text that is one; null where the field is null or a text such as "N/A".</summary>
    public double? Score(string name)
    {
        var value = Get(name, "a score");
        return value.ValueKind is JsonValueKind.Number or JsonValueKind.String or JsonValueKind.Null ? Score(value) : throw Wrong(name, value, "a score");
    }

    public static double? Score(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number when value.TryGetDouble(out var number) && double.IsFinite(number) => number,
        JsonValueKind.String when double.TryParse(Text(value), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) => number,
        _ => null,
    };

    public static string Text(JsonElement text)
    {
        try
        {
            return text.GetString() ?? "";
        }
        catch (InvalidOperationException)
        {
            return Mended(JsonMarshal.GetRawUtf8Value(text)[1..^1]);
        }
    }

    private static ChatMessage Message(JsonElement item, string where)
    {
        const string Needed = "a message with role and content";
        if (item.ValueKind != JsonValueKind.Object)
        {
            throw Wrong(where, item, Needed);
        }

        var fields = new JsonFields(item, Columns.None);
        if (!fields.Has("role") && fields.IsText("from") && fields.IsText("value"))
        {
            return new ChatMessage(ShareGpt.RoleOf(fields.Text("from")), fields.Text("value"));
        }

        if (!fields.IsText("role"))
        {
            throw fields.Has("role") ? Wrong($"{where}.role", fields.Find("role")!.Value, "a text") : Missing($"{where}.role", Needed);
        }

        var content = fields.Find("content") switch
        {
            null or { ValueKind: JsonValueKind.Null } when fields.Has("tool_calls") => "",
            null => throw Missing($"{where}.content", Needed),
            { ValueKind: JsonValueKind.String } text => Text(text),
            { ValueKind: JsonValueKind.Array } parts => string.Concat(parts.EnumerateArray().Select((part, at) => Part(part, $"{where}.content[{at}]"))),
            { } other => throw Wrong($"{where}.content", other, "a text"),
        };
        return new ChatMessage(fields.Text("role"), content, item.Clone());
    }

    // Content in parts, as multimodal templates want it: {"type": "text", "text": ...}.
    private static string Part(JsonElement part, string where) =>
        part.ValueKind == JsonValueKind.Object && part.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String
            ? Text(text)
            : throw Wrong(where, part, "a part with a text");

    private static JsonElement Parsed(string name, string text, string needed)
    {
        try
        {
            return JsonSerializer.Deserialize<JsonElement>(text);
        }
        catch (JsonException)
        {
            throw new BadRowException(RowProblem.WrongType, $"\"{name}\" is a text that is no JSON; needed: {needed}");
        }
    }

    private JsonElement Get(string name, string needed) => Find(name) ?? throw Missing(Named(name), needed);

    private JsonElement? Find(string name) => row.TryGetProperty(Named(name), out var value) ? value : null;

    private string Named(string name) => columns.GetValueOrDefault(name, name);

    private static BadRowException Missing(string name, string needed) => new(RowProblem.MissingField, $"\"{name}\" is missing; needed: {needed}");

    private static BadRowException Wrong(string name, JsonElement value, string needed) =>
        new(RowProblem.WrongType, $"\"{name}\" is {Kind(value)}; needed: {needed}");

    internal static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => $"the number {(value.GetRawText() is { Length: <= 20 } digits ? digits : "…")}",
        JsonValueKind.Null => "null",
        _ => value.GetRawText(),
    };

    // A string whose escapes hold half a surrogate pair, or whose bytes are no UTF-8: what is broken becomes U+FFFD, as tokenizers read it.
    private static string Mended(ReadOnlySpan<byte> raw)
    {
        var (source, text) = (Encoding.UTF8.GetString(raw), new StringBuilder(raw.Length));
        for (var at = 0; at < source.Length; at++)
        {
            if (source[at] != '\\')
            {
                text.Append(source[at]);
                continue;
            }

            at++;
            if (source[at] == 'u')
            {
                text.Append((char)ushort.Parse(source.AsSpan(at + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
                at += 4;
            }
            else
            {
                text.Append(source[at] switch { 'n' => '\n', 't' => '\t', 'r' => '\r', 'b' => '\b', 'f' => '\f', var same => same });
            }
        }

        return string.Concat(text.ToString().EnumerateRunes());
    }
}

internal static class Columns
{
    public static IReadOnlyDictionary<string, string> None { get; } = new Dictionary<string, string>();
}
