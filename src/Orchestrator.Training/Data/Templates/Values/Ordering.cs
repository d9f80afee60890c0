namespace Orchestrator.Training.Data.Templates.Values;

/// <summary>Python's ==, &lt; and in.</summary>
internal static class Ordering
{
    public static new bool Equals(object? left, object? right) => (left, right) switch
    {
        (null, null) => true,
        (Undefined, Undefined) => true,
        (Undefined, _) or (_, Undefined) or (null, _) or (_, null) => false,
        (ListValue a, ListValue b) => SameItems(a.Items, b.Items),
        (TupleValue a, TupleValue b) => SameItems(a.Items, b.Items),
        (RangeValue a, RangeValue b) => SameItems(a.Items, b.Items),
        (DictValue a, DictValue b) => a.Count == b.Count && a.Entries.All(entry => b.TryGet(entry.Key, out var value) && Equals(entry.Value, value)),
        _ when AsText(left) is { } a && AsText(right) is { } b => a == b,
        _ when Numbers.Is(left) && Numbers.Is(right) => Numbers.Compare(left, right) == 0,
        _ => ReferenceEquals(left, right),
    };

    /// <summary>Negative, zero or positive. NaN has no order: <see cref="Holds"/> answers for it.</summary>
    public static int Compare(object? left, object? right) => (left, right) switch
    {
        (Undefined undefined, _) => throw undefined.Failure(),
        (_, Undefined undefined) => throw undefined.Failure(),
        (ListValue a, ListValue b) => CompareItems(a.Items, b.Items),
        (TupleValue a, TupleValue b) => CompareItems(a.Items, b.Items),
        _ when AsText(left) is { } a && AsText(right) is { } b => CompareText(a, b),
        _ when Numbers.Is(left) && Numbers.Is(right) => Numbers.Compare(left, right),
        _ => throw new TemplateError($"{Describe.Kind(left)} and {Describe.Kind(right)} have no order."),
    };

    public static bool Holds(string comparison, object? left, object? right) => comparison switch
    {
        "==" => Equals(left, right),
        "!=" => !Equals(left, right),
        "<" => !EitherNan(left, right) && Compare(left, right) < 0,
        "<=" => !EitherNan(left, right) && Compare(left, right) <= 0,
        ">" => !EitherNan(left, right) && Compare(left, right) > 0,
        ">=" => !EitherNan(left, right) && Compare(left, right) >= 0,
        "in" => Contains(right, left),
        "not in" => !Contains(right, left),
        _ => throw new TemplateError($"unknown comparison '{comparison}'."),
    };

    private static bool Contains(object? container, object? item) => container switch
    {
        DictValue dict => dict.TryGet(item, out _),
        _ when AsText(container) is { } text => text.Contains(
            AsText(item) ?? throw (item is Undefined undefined ? undefined.Failure() : new TemplateError($"{Describe.Kind(item)} cannot be 'in' a str.")),
            StringComparison.Ordinal),
        _ when Truth.IsIterable(container) => Truth.Items(container).Any(held => Equals(held, item)),
        _ => throw new TemplateError($"nothing can be 'in' {Describe.Kind(container)}."),
    };

    public static string? AsText(object? value) => value as string ?? (value as Markup)?.Text;

    private static bool EitherNan(object? left, object? right) =>
        Numbers.Is(left) && Numbers.Is(right) && (left is double.NaN || right is double.NaN);

    private static bool SameItems(IReadOnlyList<object?> left, IReadOnlyList<object?> right)
    {
        if (left.Count != right.Count)
        {
            return false;
        }

        for (var i = 0; i < left.Count; i++)
        {
            if (!Equals(left[i], right[i]))
            {
                return false;
            }
        }

        return true;
    }

    private static int CompareItems(IReadOnlyList<object?> left, IReadOnlyList<object?> right)
    {
        for (var i = 0; i < Math.Min(left.Count, right.Count); i++)
        {
            if (!Equals(left[i], right[i]))
            {
                return Compare(left[i], right[i]);
            }
        }

        return left.Count.CompareTo(right.Count);
    }

    // By characters: UTF-16 units order otherwise where one string has a surrogate pair and the other U+E000 to U+FFFF.
    private static int CompareText(string left, string right)
    {
        var same = left.AsSpan().CommonPrefixLength(right);
        if (same == left.Length || same == right.Length)
        {
            return left.Length.CompareTo(right.Length);
        }

        var (a, b) = (left[same], right[same]);
        return char.IsSurrogate(a) == char.IsSurrogate(b) ? a.CompareTo(b) : char.IsSurrogate(a) ? 1 : -1;
    }
}
