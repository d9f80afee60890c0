using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>The functions that a chat template finds: Jinja's own, and transformers' raise_exception and strftime_now.</summary>
internal static class Globals
{
    /// <param name="clock">For strftime_now: local time, as in transformers.</param>
    public static Scope Create(TimeProvider clock)
    {
        var scope = new Scope();
        Add(scope, "range", new("*", Range));
        Add(scope, "dict", new("*", call => DictOf(call.Arguments, call)));
        Add(scope, "namespace", new("*", Namespace));
        Add(scope, "cycler", new("*", call => new Cycler(call.Arguments.Positional)));
        Add(scope, "joiner", new("sep", call => new Joiner(call.Text(0, ", "))));
        Add(scope, "raise_exception", new("message", call => throw new TemplateError($"the template refuses this conversation: {PythonText.Str(call.Value(0))}")));
        Add(scope, "strftime_now", new("format", call => Calendar.Format(clock.GetLocalNow(), call.Text(0))));
        return scope;
    }

    private static void Add(Scope scope, string name, Builtin function) => scope.Set(name, new BuiltinFunction(name, function));

    private static RangeValue Range(Invocation call)
    {
        var given = call.Arguments.Positional;
        if (given.Count is 0 or > 3 || given.Any(bound => !Numbers.IsWhole(bound)))
        {
            throw call.Wrong("needs one to three whole numbers");
        }

        var bounds = given.Select(Numbers.Whole).ToList();
        var (start, stop, step) = (bounds.Count > 1 ? bounds[0] : 0, bounds.Count > 1 ? bounds[1] : bounds[0], bounds.Count > 2 ? bounds[2] : 1);
        if (step == 0)
        {
            throw call.Wrong("needs a step that is not 0");
        }

        var count = Math.Max(0, Math.Ceiling(((double)stop - start) / step));
        if (count > Limits.LongestRange)
        {
            throw call.Wrong($"is longer than {Limits.LongestRange}");
        }

        call.Evaluator.Limits.Charge((long)count);
        var items = Enumerable.Range(0, (int)count).Select(place => (object?)(start + (place * step)));
        return new RangeValue([.. items], bounds.Count > 2 ? $"range({start}, {stop}, {step})" : $"range({start}, {stop})");
    }

    private static NamespaceValue Namespace(Invocation call)
    {
        var space = new NamespaceValue();
        foreach (var (name, value) in DictOf(call.Arguments, call).Entries)
        {
            space.Attributes[PythonText.Str(name)] = value;
        }

        return space;
    }

    private static DictValue DictOf(Arguments arguments, Invocation call)
    {
        var entries = new List<KeyValuePair<object?, object?>>();
        foreach (var given in arguments.Positional)
        {
            entries.AddRange(given is DictValue dict ? dict.Entries : Truth.Items(given).Select(pair => Truth.Items(pair) is [var key, var value]
                ? KeyValuePair.Create(key, value)
                : throw call.Wrong("needs pairs")));
        }

        entries.AddRange(arguments.Named.Select(entry => KeyValuePair.Create((object?)entry.Key, entry.Value)));
        return new DictValue(entries);
    }
}

/// <summary>cycler(a, b): gives them in turn.</summary>
internal sealed class Cycler(IReadOnlyList<object?> values) : IHasAttributes
{
    private int _place;

    public bool TryGet(string name, out object? value)
    {
        value = name switch
        {
            "current" => values[_place],
            "next" => new BuiltinFunction("next", new Builtin("", _ => Next())),
            "reset" => new BuiltinFunction("reset", new Builtin("", _ => Reset())),
            _ => null,
        };
        return value is not null || name == "current";
    }

    private object? Reset()
    {
        _place = 0;
        return null;
    }

    private object? Next()
    {
        var current = values.Count > 0 ? values[_place] : throw new TemplateError("cycler needs values to cycle through.");
        _place = (_place + 1) % values.Count;
        return current;
    }
}

/// <summary>joiner(separator): nothing the first time, then the separator.</summary>
internal sealed class Joiner(string separator) : ICallable
{
    private bool _used;

    public object? Call(Evaluator evaluator, Arguments arguments)
    {
        var text = _used ? separator : "";
        _used = true;
        return text;
    }
}
