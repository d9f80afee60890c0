using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>Filters that take a list apart or put it together.</summary>
internal static class SequenceFilters
{
    public static readonly Dictionary<string, Builtin> All = new(StringComparer.Ordinal)
    {
        ["length count"] = new("", call => Truth.Length(call.Self)),
        ["first"] = new("", First),
        ["last"] = new("", Last),
        ["list"] = new("", call => new ListValue(Truth.Items(call.Self))),
        ["items"] = new("", Items),
        ["reverse"] = new("", Reverse),
        ["join"] = new("d attribute", Join),
        ["batch"] = new("linecount fill_with", Batch),
        ["slice"] = new("slices fill_with", Slice),
    };

    private static object? First(Invocation call)
    {
        if (call.Self is IteratorValue iterator)
        {
            return iterator.TryFirst(out var first) ? first : new Undefined("there is no first item: the sequence is empty.");
        }

        return Truth.Items(call.Self) is [var found, ..] ? found : new Undefined("there is no first item: the sequence is empty.");
    }

    private static object? Last(Invocation call) => call.Self is IteratorValue
        ? throw call.Wrong("needs a list (write '| list' before it)")
        : Truth.Items(call.Self) is [.., var found] ? found : new Undefined("there is no last item: the sequence is empty.");

    private static IteratorValue Items(Invocation call) => call.Self switch
    {
        Undefined => new IteratorValue("generator", []),
        DictValue dict => new IteratorValue("generator", dict.Pairs),
        _ => throw call.Wrong($"needs a mapping, not {Describe.Kind(call.Self)}"),
    };

    private static object Reverse(Invocation call)
    {
        var items = Truth.Items(call.Self).Reverse();
        return Ordering.AsText(call.Self) is null ? new IteratorValue("reversed", [.. items]) : string.Concat(items);
    }

    private static string Join(Invocation call)
    {
        var (separator, get) = (PythonText.Str(call.Value(0, "")), Getter.Of(call.Value(1, null)));
        var (parts, length) = (new List<string>(), 0L);
        foreach (var item in Truth.Items(call.Self))
        {
            parts.Add(call.Evaluator.Text(get(item)));
            length += parts[^1].Length + separator.Length;
            Limits.CheckText(length - separator.Length);
        }

        return string.Join(separator, parts);
    }

    private static IteratorValue Batch(Invocation call)
    {
        var size = Size(call, call.Whole(0));
        List<object?> batches = [.. Truth.Items(call.Self).Chunk(size).Select(chunk => new ListValue(chunk))];
        if (call.Value(1, null) is { } fill && batches is [.., ListValue last] && last.Items.Count < size)
        {
            batches[^1] = new ListValue([.. last.Items, .. Enumerable.Repeat(fill, size - last.Items.Count)]);
        }

        return new IteratorValue("generator", batches);
    }

    private static IteratorValue Slice(Invocation call)
    {
        var (items, count) = (Truth.Items(call.Self), Size(call, call.Whole(0)));
        var (each, longer, offset) = (items.Count / count, items.Count % count, 0);
        var slices = new List<object?>();
        for (var place = 0; place < count; place++)
        {
            var size = each + (place < longer ? 1 : 0);
            IEnumerable<object?> fill = call.Value(1, null) is { } filler && place >= longer ? [filler] : [];
            slices.Add(new ListValue([.. items.Skip(offset).Take(size), .. fill]));
            offset += size;
        }

        return new IteratorValue("generator", slices);
    }

    private static int Size(Invocation call, long given) => given is > 0 and <= Limits.LongestRange ? (int)given : throw call.Wrong("needs a size of 1 or more");
}
