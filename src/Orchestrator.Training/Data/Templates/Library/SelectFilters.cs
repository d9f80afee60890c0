using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>map, select, reject, selectattr and rejectattr: filters that apply filters and tests to each item.</summary>
internal static class SelectFilters
{
    public static readonly Dictionary<string, Builtin> All = new(StringComparer.Ordinal)
    {
        ["map"] = new("*", Map),
        ["select"] = new("*", call => Select(call, byAttribute: false, wanted: true)),
        ["reject"] = new("*", call => Select(call, byAttribute: false, wanted: false)),
        ["selectattr"] = new("*", call => Select(call, byAttribute: true, wanted: true)),
        ["rejectattr"] = new("*", call => Select(call, byAttribute: true, wanted: false)),
    };

    private static IteratorValue Map(Invocation call)
    {
        var items = Truth.Items(call.Self);
        if (call.Arguments.Positional.Count > 0)
        {
            var name = PythonText.Str(call.Arguments.Positional[0]);
            return new IteratorValue("generator", [.. items.Select(item => call.Evaluator.Filter(name, item, call.Arguments.Rest))]);
        }

        var named = call.Arguments.Named.ToDictionary(argument => argument.Key, argument => argument.Value, StringComparer.Ordinal);
        if (!named.TryGetValue("attribute", out var attribute) || named.Keys.Any(name => name is not ("attribute" or "default")))
        {
            throw call.Wrong("needs a filter's name, or an attribute and perhaps a default");
        }

        return new IteratorValue("generator", [.. items.Select(Charged(call, Getter.Of(attribute, named.GetValueOrDefault("default"))))]);
    }

    private static IteratorValue Select(Invocation call, bool byAttribute, bool wanted)
    {
        var (get, given) = (Getter.Of(null), call.Arguments);
        if (byAttribute)
        {
            get = Getter.Of(given.Positional.Count > 0 ? given.Positional[0] : throw call.Wrong("needs an attribute"));
            given = given.Rest;
        }

        get = Charged(call, get);
        var test = given.Positional.Count > 0 ? PythonText.Str(given.Positional[0]) : null;
        var holds = (object? item) => test is null ? Truth.Of(get(item)) : call.Evaluator.Test(test, get(item), given.Rest);
        return new IteratorValue("generator", [.. Truth.Items(call.Self).Where(item => holds(item) == wanted)]);
    }

    private static Func<object?, object?> Charged(Invocation call, Func<object?, object?> get) => item =>
    {
        call.Evaluator.Limits.Charge(1);
        return get(item);
    };
}
