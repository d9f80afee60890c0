using Orchestrator.Training.Data.Templates.Library;
using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates;

/// <summary>The variable "loop" of one loop: where it stands. Called, it runs a recursive loop over other items.</summary>
internal sealed class LoopValue(IReadOnlyList<object?> items, int depth, Func<object?, string>? again) : IHasAttributes, ICallable
{
    private int _place;
    private IReadOnlyList<object?>? _lastSeen;

    public object? Current => items[_place];

    public bool MoveNext() => ++_place < items.Count;

    public object? Call(Evaluator evaluator, Arguments arguments) => again is null
        ? throw new TemplateError("'loop' can be called in a loop that is marked 'recursive' only.")
        : again(new Invocation("loop", "items", evaluator, null, arguments).Value(0));

    public bool TryGet(string name, out object? value)
    {
        value = name switch
        {
            "index" => (long)_place + 1,
            "index0" => (long)_place,
            "revindex" => (long)items.Count - _place,
            "revindex0" => (long)items.Count - _place - 1,
            "first" => _place == 0,
            "last" => _place == items.Count - 1,
            "length" => (long)items.Count,
            "depth" => (long)depth + 1,
            "depth0" => (long)depth,
            "previtem" => _place > 0 ? items[_place - 1] : new Undefined("there is no previous item."),
            "nextitem" => _place < items.Count - 1 ? items[_place + 1] : new Undefined("there is no next item."),
            "cycle" => new BuiltinFunction("loop.cycle", new Builtin("*", call => Cycle(call.Arguments.Positional))),
            "changed" => new BuiltinFunction("loop.changed", new Builtin("*", call => Changed(call.Arguments.Positional))),
            _ => null,
        };
        return value is not null || name is "previtem" or "nextitem";
    }

    private object? Cycle(IReadOnlyList<object?> values) =>
        values.Count > 0 ? values[_place % values.Count] : throw new TemplateError("loop.cycle needs values to cycle through.");

    private bool Changed(IReadOnlyList<object?> values)
    {
        var changed = _lastSeen is null || !Ordering.Equals(new ListValue(_lastSeen), new ListValue(values));
        _lastSeen = values;
        return changed;
    }
}
