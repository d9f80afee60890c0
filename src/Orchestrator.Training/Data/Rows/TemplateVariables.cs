using System.Text.Json;

namespace Orchestrator.Training.Data.Rows;

/// <summary>
/// What a row gives its chat template beside the messages, in columns as TRL names them: "tools", "documents", and "chat_template_kwargs", an object of
/// any further variables. A column is JSON, or a text that holds it; null, a blank text or no column is nothing.
/// </summary>
internal static class TemplateVariables
{
    public const string Tools = "tools";
    public const string Documents = "documents";
    private const string Others = "chat_template_kwargs";

    // Names that rendering itself gives a value, and arguments of transformers' apply_chat_template that are no variables.
    private static readonly HashSet<string> Reserved = new(StringComparer.Ordinal)
    {
        "messages", "conversation", Tools, "add_generation_prompt", "continue_final_message", "chat_template", "tokenize", "additional_special_tokens",
    };

    /// <exception cref="BadRowException">A column is of another type, or sets what is not its own to set.</exception>
    public static IReadOnlyDictionary<string, object?> Read(JsonFields fields)
    {
        var variables = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var name in new[] { Tools, Documents })
        {
            if (fields.Json(name, JsonValueKind.Array, "a list of objects, or its JSON text") is { } list)
            {
                RequireObjects(list, name);
                variables[name] = list;
            }
        }

        if (fields.Json(Others, JsonValueKind.Object, "an object, or its JSON text") is { } others)
        {
            foreach (var variable in others.EnumerateObject())
            {
                variables[variable.Name] = Reserved.Contains(variable.Name) || variable.Name.EndsWith("_token", StringComparison.Ordinal) || variables.ContainsKey(variable.Name)
                    ? throw new BadRowException(RowProblem.WrongType, $"\"{Others}\" sets {variable.Name}, which has its value from elsewhere; leave it out of there")
                    : variable.Value;
            }
        }

        return variables;
    }

    /// <summary>Whether a column holds anything, whatever it is.</summary>
    public static bool Holds(JsonFields fields, string column) =>
        fields.IsText(column) ? !string.IsNullOrWhiteSpace(fields.Text(column)) : fields.IsList(column) ? fields.Items(column).Length > 0 : fields.Has(column);

    /// <summary>Whether a list among the variables has entries.</summary>
    public static bool Holds(IReadOnlyDictionary<string, object?>? variables, string name) =>
        variables?.GetValueOrDefault(name) is JsonElement { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() > 0;

    private static void RequireObjects(JsonElement list, string name)
    {
        foreach (var (at, item) in list.EnumerateArray().Index())
        {
            if (item.ValueKind != JsonValueKind.Object)
            {
                throw new BadRowException(RowProblem.WrongType, $"\"{name}[{at}]\" is {JsonFields.Kind(item)}; needed: an object");
            }
        }
    }
}
