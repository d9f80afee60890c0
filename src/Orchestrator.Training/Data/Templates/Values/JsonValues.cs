using System.Collections;
using System.Text.Json;
using Orchestrator.Training.Data.Rows;

namespace Orchestrator.Training.Data.Templates.Values;

/// <summary>What a caller gives a template (JSON, messages, plain C# values), as a template's values.</summary>
internal static class JsonValues
{
    public static object? Of(object? value) => value switch
    {
        null or bool or long or double or string => value,
        int number => (long)number,
        float number => (double)number,
        JsonElement json => OfJson(json),
        ChatMessage message => OfMessage(message),
        IEnumerable<KeyValuePair<string, object?>> entries => DictValue.OfNames(entries.Select(entry => KeyValuePair.Create(entry.Key, Of(entry.Value)))),
        IEnumerable items => new ListValue([.. items.Cast<object?>().Select(Of)]),
        _ => throw new ArgumentException($"a chat template cannot be given a {value.GetType().Name}; give text, numbers, lists, dictionaries or JSON."),
    };

    public static object? OfJson(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => JsonFields.Text(json),
        JsonValueKind.Number => Number(json),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Array => new ListValue([.. json.EnumerateArray().Select(OfJson)]),
        JsonValueKind.Object => DictValue.OfNames(json.EnumerateObject().Select(property => KeyValuePair.Create(property.Name, OfJson(property.Value)))),
        _ => null,
    };

    // The file's own fields, with what the program reads as role and text laid over them: a file may name those otherwise.
    private static DictValue OfMessage(ChatMessage message)
    {
        var fields = new OrderedDictionary<string, object?>();
        if (message.Json is { ValueKind: JsonValueKind.Object } json)
        {
            Add(json, fields);
        }

        fields["role"] = message.Role;
        if (message.Json is null || (message.Content.Length > 0 && (!fields.TryGetValue("content", out var content) || content is null or string)))
        {
            fields["content"] = message.Content;
        }

        return DictValue.OfNames(fields);
    }

    private static void Add(JsonElement json, OrderedDictionary<string, object?> fields)
    {
        try
        {
            foreach (var property in json.EnumerateObject())
            {
                fields[property.Name] = OfJson(property.Value);
            }
        }
        catch (InvalidOperationException)
        {
            throw new InvalidDataException("a message has a field whose name is no Unicode text.");
        }
    }

    private static object Number(JsonElement json)
    {
        var isWhole = json.GetRawText().AsSpan().IndexOfAny('.', 'e', 'E') < 0;
        return !isWhole ? (object)json.GetDouble()
            : json.TryGetInt64(out var whole) ? whole
            : new LargeNumber(json.GetRawText());
    }
}
