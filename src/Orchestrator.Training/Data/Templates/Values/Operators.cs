using Orchestrator.Training.Data.Templates.Library;

namespace Orchestrator.Training.Data.Templates.Values;

/// <summary>Python's + - * / // % ** on every kind of value, its unary minus, and its slices.</summary>
internal static class Operators
{
    public static object? Apply(string operation, object? left, object? right) => (left, right) switch
    {
        (Undefined undefined, _) => throw undefined.Failure(),
        (string or Markup, _) when operation == "%" => PercentFormat.Format(left, right),
        (_, Undefined undefined) => throw undefined.Failure(),
        _ when Numbers.Is(left) && Numbers.Is(right) => Numbers.Apply(operation, left, right),
        _ when operation == "+" => Join(left, right),
        _ when operation == "*" && Numbers.IsWhole(right) => Repeat(left, Numbers.Whole(right), right),
        _ when operation == "*" && Numbers.IsWhole(left) => Repeat(right, Numbers.Whole(left), left),
        _ => throw Unsupported(operation, left, right),
    };

    public static object Signed(bool negative, object? operand) => operand switch
    {
        Undefined undefined => throw undefined.Failure(),
        _ when !Numbers.Is(operand) => throw new TemplateError($"{Describe.Kind(operand)} has no sign."),
        _ when negative => Numbers.Negate(operand),
        bool => Numbers.Whole(operand),
        _ => operand!,
    };

    /// <summary>target[start:stop:step]</summary>
    public static object? Slice(object? target, object? start, object? stop, object? step)
    {
        if (target is Undefined undefined)
        {
            throw undefined.Failure();
        }

        if (Ordering.AsText(target) is { } text)
        {
            var cut = SliceText(text, start, stop, step);
            return target is Markup ? new Markup(cut) : cut;
        }

        var items = target is SequenceValue and not ViewValue ? ((SequenceValue)target).Items : throw new TemplateError($"{Describe.Kind(target)} has no slices.");
        object?[] kept = [.. Places(items.Count, start, stop, step).Select(place => items[place])];
        return target switch
        {
            TupleValue => new TupleValue(kept),
            RangeValue => new RangeValue(kept, $"range of {kept.Length}"),
            _ => new ListValue(kept),
        };
    }

    private static string SliceText(string text, object? start, object? stop, object? step)
    {
        if (step is null or 1L)
        {
            var count = CodePoints.Count(text);
            var (from, to) = (Bound(start, count, 0, count), Bound(stop, count, count, count));
            var first = CodePoints.ToUnit(text, (int)from);
            return from >= to ? "" : text[first..CodePoints.ToUnit(text, (int)to)];
        }

        var characters = CodePoints.Split(text);
        return string.Concat(Places(characters.Count, start, stop, step).Select(place => (string)characters[place]!));
    }

    private static IEnumerable<int> Places(int count, object? start, object? stop, object? step)
    {
        var stride = step is null ? 1 : Index(step);
        if (stride == 0)
        {
            throw new TemplateError("a slice's step is 0.");
        }

        var from = stride > 0 ? Bound(start, count, 0, count) : Bound(start, count, count - 1, count - 1);
        var to = stride > 0 ? Bound(stop, count, count, count) : Bound(stop, count, -1, count - 1);
        for (var place = from; stride > 0 ? place < to : place > to; place += stride)
        {
            yield return (int)place;
            if (Math.Abs(stride) > count)
            {
                yield break;
            }
        }
    }

    private static long Bound(object? value, long count, long absent, long highest)
    {
        if (value is null)
        {
            return absent;
        }

        var place = Index(value);
        place = place < 0 ? Math.Max(place + count, highest == count ? 0 : -1) : place;
        return Math.Min(place, highest);
    }

    private static long Index(object? value) => value switch
    {
        Undefined undefined => throw undefined.Failure(),
        bool or long => Numbers.Whole(value),
        _ => throw new TemplateError($"{Describe.Kind(value)} is no index of a slice."),
    };

    private static object Join(object? left, object? right)
    {
        if (Ordering.AsText(left) is { } a && Ordering.AsText(right) is { } b)
        {
            Limits.CheckText((long)a.Length + b.Length);
            return left is string && right is string ? a + b : new Markup((left is Markup ? a : Markup.Escape(a)) + (right is Markup ? b : Markup.Escape(b)));
        }

        return (left, right) switch
        {
            (ListValue x, ListValue y) => new ListValue([.. x.Items, .. y.Items]),
            (TupleValue x, TupleValue y) => new TupleValue([.. x.Items, .. y.Items]),
            _ => throw Unsupported("+", left, right),
        };
    }

    private static object Repeat(object? value, long times, object? count)
    {
        times = Math.Max(times, 0);
        var length = Ordering.AsText(value)?.Length ?? (value as SequenceValue)?.Items.Count ?? 0;
        Limits.CheckText(times > Limits.LongestText ? (length == 0 ? 0 : times) : times * length);
        times = length == 0 ? 0 : times;
        return value switch
        {
            string text => string.Concat(Enumerable.Repeat(text, (int)times)),
            Markup markup => new Markup(string.Concat(Enumerable.Repeat(markup.Text, (int)times))),
            ListValue list => new ListValue([.. Enumerable.Repeat(list.Items, (int)times).SelectMany(items => items)]),
            TupleValue tuple => new TupleValue([.. Enumerable.Repeat(tuple.Items, (int)times).SelectMany(items => items)]),
            _ => throw Unsupported("*", value, count),
        };
    }

    private static TemplateError Unsupported(string operation, object? left, object? right) =>
        new($"'{operation}' cannot join {Describe.Kind(left)} and {Describe.Kind(right)}.");
}
