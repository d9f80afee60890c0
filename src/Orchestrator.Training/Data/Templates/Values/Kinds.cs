namespace Orchestrator.Training.Data.Templates.Values;

// A value is null (None), bool, long, double, string, or one of these. All but namespaces and iterators never change.

/// <summary>What a name or attribute that does not exist gives: prints as nothing, is false, and fails when it is used further.</summary>
internal sealed class Undefined(string problem)
{
    public string Problem => problem;
}

/// <summary>Text that the filters "safe" and "escape" mark as HTML: joined to plain text, the plain text is escaped.</summary>
internal sealed class Markup(string text)
{
    public string Text => text;

    public static string Escape(string plain) => plain.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
        .Replace(">", "&gt;", StringComparison.Ordinal).Replace("'", "&#39;", StringComparison.Ordinal).Replace("\"", "&#34;", StringComparison.Ordinal);
}

/// <summary>A whole number of a message that 64 bits do not hold: it can be written, not computed with.</summary>
internal sealed record LargeNumber(string Digits);

/// <summary>A value that holds values. Its weight counts all it holds, so that work on it can be bounded before it begins.</summary>
internal abstract class Container
{
    private const int DeepestNesting = 200;

    public long Weight { get; private set; } = 1;

    private int Depth { get; set; }

    protected void Weigh(object? held)
    {
        Weight = Math.Min(Weight + Weights.Of(held), long.MaxValue / 4);
        Depth = Math.Max(Depth, held is Container inner ? inner.Depth + 1 : 0);
        if (Depth > DeepestNesting)
        {
            throw new TemplateError($"lists nested more than {DeepestNesting} deep.");
        }
    }
}

internal abstract class SequenceValue : Container
{
    protected SequenceValue(IReadOnlyList<object?> items)
    {
        Items = items;
        foreach (var item in items)
        {
            Weigh(item);
        }
    }

    public IReadOnlyList<object?> Items { get; }
}

internal sealed class ListValue(IReadOnlyList<object?> items) : SequenceValue(items);

internal sealed class TupleValue(IReadOnlyList<object?> items, bool isGroup = false) : SequenceValue(items)
{
    /// <summary>A pair of the filter "groupby", which also has names: grouper and list.</summary>
    public bool IsGroup => isGroup;
}

internal sealed class RangeValue(IReadOnlyList<object?> items, string text) : SequenceValue(items)
{
    public string Text => text;
}

/// <summary>A dict's keys, values or items.</summary>
internal sealed class ViewValue(string kind, IReadOnlyList<object?> items) : SequenceValue(items)
{
    public string Kind => kind;
}

/// <summary>What filters such as "map" and "select" give: read once, without length or index, always true.</summary>
internal sealed class IteratorValue(string kind, IReadOnlyList<object?> items)
{
    private bool _read;

    public string Kind => kind;

    public IReadOnlyList<object?> ReadAll()
    {
        var left = _read ? [] : items;
        _read = true;
        return left;
    }

    /// <summary>The first item, the others left for later; false where none is left.</summary>
    public bool TryFirst(out object? first)
    {
        var left = ReadAll();
        first = left.Count > 0 ? left[0] : null;
        return left.Count > 0;
    }
}

/// <summary>namespace(...): the one thing whose attributes a template can set, from any scope.</summary>
internal sealed class NamespaceValue
{
    public Dictionary<string, object?> Attributes { get; } = new(StringComparer.Ordinal);
}

internal static class Weights
{
    public static long Of(object? value) => value switch
    {
        string text => 1 + (text.Length / 4),
        Markup markup => 1 + (markup.Text.Length / 4),
        Container container => container.Weight,
        _ => 1,
    };

    /// <summary>Without what a container's items hold in turn.</summary>
    public static long Shallow(object? value) => value switch
    {
        SequenceValue sequence => 1 + sequence.Items.Count,
        DictValue dict => 1 + dict.Count,
        _ => Of(value),
    };
}
