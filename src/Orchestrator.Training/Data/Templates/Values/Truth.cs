namespace Orchestrator.Training.Data.Templates.Values;

/// <summary>Python's bool(), len() and iter().</summary>
internal static class Truth
{
    public static bool Of(object? value) => value switch
    {
        null or Undefined => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        string text => text.Length > 0,
        Markup markup => markup.Text.Length > 0,
        SequenceValue sequence => sequence.Items.Count > 0,
        DictValue dict => dict.Count > 0,
        _ => true,
    };

    public static long Length(object? value) => value switch
    {
        string text => CodePoints.Count(text),
        Markup markup => CodePoints.Count(markup.Text),
        SequenceValue sequence => sequence.Items.Count,
        DictValue dict => dict.Count,
        Undefined => 0,
        _ => throw new TemplateError($"{Describe.Kind(value)} has no length."),
    };

    public static IReadOnlyList<object?> Items(object? value) => TryItems(value) ?? throw new TemplateError($"{Describe.Kind(value)} holds no items to go through.");

    /// <summary>What iterating over a value gives, or null where it cannot be iterated over.</summary>
    public static IReadOnlyList<object?>? TryItems(object? value) => value switch
    {
        string text => CodePoints.Split(text),
        Markup markup => CodePoints.Split(markup.Text),
        SequenceValue sequence => sequence.Items,
        DictValue dict => dict.Keys,
        IteratorValue iterator => iterator.ReadAll(),
        Undefined => [],
        _ => null,
    };

    public static bool IsIterable(object? value) => value is string or Markup or Container or IteratorValue or Undefined;
}
