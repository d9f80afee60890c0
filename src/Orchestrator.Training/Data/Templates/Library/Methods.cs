using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>The methods that values have: Python's, without those that change a value (the sandbox forbids them).</summary>
internal static class Methods
{
    private static readonly Dictionary<string, Builtin> OfDict = new(StringComparer.Ordinal)
    {
        ["get"] = new("key default", call => ((DictValue)call.Self!).TryGet(call.Value(0), out var value) ? value : call.Value(1, null)),
        ["items"] = new("", call => new ViewValue("dict_items", ((DictValue)call.Self!).Pairs)),
        ["keys"] = new("", call => new ViewValue("dict_keys", ((DictValue)call.Self!).Keys)),
        ["values"] = new("", call => new ViewValue("dict_values", ((DictValue)call.Self!).Values)),
        ["copy"] = new("", call => call.Self),
    };

    private static readonly Dictionary<string, Builtin> OfSequence = new(StringComparer.Ordinal)
    {
        ["count"] = new("value", call => (long)Charged(call).Items.Count(item => Ordering.Equals(item, call.Value(0)))),
        ["index"] = new("value", call => Index(call)),
        ["copy"] = new("", call => call.Self),
    };

    public static Builtin? Find(object? self, string name)
    {
        var methods = self switch
        {
            string or Markup => StringMethods.All,
            DictValue => OfDict,
            ListValue or TupleValue or RangeValue => OfSequence,
            _ => null,
        };
        return methods is not null && methods.TryGetValue(name, out var method) ? method : null;
    }

    private static SequenceValue Charged(Invocation call)
    {
        call.Evaluator.Limits.Charge(Weights.Of(call.Self));
        return (SequenceValue)call.Self!;
    }

    private static long Index(Invocation call)
    {
        var items = Charged(call).Items;
        for (var i = 0; i < items.Count; i++)
        {
            if (Ordering.Equals(items[i], call.Value(0)))
            {
                return i;
            }
        }

        throw call.Wrong($"found no {PythonText.Repr(call.Value(0))} in the list");
    }
}
