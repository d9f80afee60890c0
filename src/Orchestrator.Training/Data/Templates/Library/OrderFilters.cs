using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>Filters that compare items: sort, dictsort, unique, groupby, min and max. Text compares without case unless asked for.</summary>
internal static class OrderFilters
{
    private static readonly Comparer<object?> ByValue = Comparer<object?>.Create(Ordering.Compare);

    public static readonly Dictionary<string, Builtin> All = new(StringComparer.Ordinal)
    {
        ["sort"] = new("reverse case_sensitive attribute", Sort),
        ["dictsort"] = new("case_sensitive by reverse", DictSort),
        ["unique"] = new("case_sensitive attribute", Unique),
        ["groupby"] = new("attribute default case_sensitive", GroupBy),
        ["min"] = new("case_sensitive attribute", call => Extreme(call, smallest: true)),
        ["max"] = new("case_sensitive attribute", call => Extreme(call, smallest: false)),
    };

    private static ListValue Sort(Invocation call)
    {
        // Several attributes, with commas: the first decides, then the second.
        Func<object?, object?>[] keys = Ordering.AsText(call.Value(2, null)) is { } paths
            ? [.. paths.Split(',').Select(path => Cased(Getter.Of(path), call.Flag(1, false)))]
            : [Cased(Getter.Of(call.Value(2, null)), call.Flag(1, false))];
        var items = Truth.Items(call.Self);
        return new ListValue(Ordered(items, item => keys.Length == 1 ? keys[0](item) : new TupleValue([.. keys.Select(key => key(item))]), call.Flag(0, false)));
    }

    // Stable either way round, as Python's sort is.
    private static List<object?> Ordered(IEnumerable<object?> items, Func<object?, object?> key, bool reverse)
    {
        try
        {
            return [.. reverse ? items.OrderByDescending(key, ByValue) : items.OrderBy(key, ByValue)];
        }
        catch (InvalidOperationException error) when (error.InnerException is TemplateError inner)
        {
            throw inner;
        }
    }

    private static ListValue DictSort(Invocation call)
    {
        var place = call.Text(1, "key") switch { "key" => 0, "value" => 1, _ => throw call.Wrong("sorts by 'key' or 'value'") };
        var pairs = call.Self is DictValue dict ? dict.Pairs : throw call.Wrong($"needs a dict, not {Describe.Kind(call.Self)}");
        return new ListValue(Ordered(pairs, Cased(pair => ((TupleValue)pair!).Items[place], call.Flag(0, false)), call.Flag(2, false)));
    }

    private static IteratorValue Unique(Invocation call)
    {
        var (get, seen, kept) = (Cased(Getter.Of(call.Value(1, null)), call.Flag(0, false)), new List<object?>(), new List<object?>());
        foreach (var item in Truth.Items(call.Self))
        {
            var key = get(item);
            call.Evaluator.Limits.Charge(seen.Count + Weights.Of(key));
            if (!seen.Exists(earlier => Ordering.Equals(earlier, key)))
            {
                seen.Add(key);
                kept.Add(item);
            }
        }

        return new IteratorValue("generator", kept);
    }

    private static ListValue GroupBy(Invocation call)
    {
        var plain = Getter.Of(call.Value(0), call.Value(1, null));
        var get = Cased(plain, call.Flag(2, false));
        var groups = new List<object?>();
        var (held, key) = (new List<object?>(), (object?)null);
        foreach (var item in Ordered(Truth.Items(call.Self), get, reverse: false))
        {
            if (held.Count > 0 && !Ordering.Equals(key, get(item)))
            {
                groups.Add(Group(held, plain));
                held = [];
            }

            held.Add(item);
            key = get(item);
        }

        groups.AddRange(held.Count > 0 ? [Group(held, plain)] : []);
        return new ListValue(groups);
    }

    private static TupleValue Group(List<object?> held, Func<object?, object?> get) => new([get(held[0]), new ListValue(held)], isGroup: true);

    private static object? Extreme(Invocation call, bool smallest)
    {
        var (items, get) = (Truth.Items(call.Self), Cased(Getter.Of(call.Value(1, null)), call.Flag(0, false)));
        if (items.Count == 0)
        {
            return new Undefined("there is no smallest or largest item: the sequence is empty.");
        }

        var best = items[0];
        foreach (var item in items.Skip(1))
        {
            var order = Ordering.Compare(get(item), get(best));
            best = (smallest ? order < 0 : order > 0) ? item : best;
        }

        return best;
    }

    private static Func<object?, object?> Cased(Func<object?, object?> get, bool caseSensitive) =>
        caseSensitive ? get : item => get(item) is var value && Ordering.AsText(value) is { } text ? TextCase.Lower(text) : get(item);
}
