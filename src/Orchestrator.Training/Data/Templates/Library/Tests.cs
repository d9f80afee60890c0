using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>Jinja's tests: value is name(arguments).</summary>
internal static class Tests
{
    private static readonly Dictionary<string, Builtin> All = new(StringComparer.Ordinal)
    {
        ["defined"] = new("", call => call.Self is not Undefined),
        ["undefined"] = new("", call => call.Self is Undefined),
        ["none"] = new("", call => call.Self is null),
        ["boolean"] = new("", call => call.Self is bool),
        ["true"] = new("", call => call.Self is true),
        ["false"] = new("", call => call.Self is false),
        ["integer"] = new("", call => call.Self is long),
        ["float"] = new("", call => call.Self is double),
        ["number"] = new("", call => Numbers.Is(call.Self)),
        ["string"] = new("", call => call.Self is string or Markup),
        ["mapping"] = new("", call => call.Self is DictValue),
        ["iterable"] = new("", call => Truth.IsIterable(call.Self)),
        ["sequence"] = new("", call => call.Self is string or Markup or DictValue or Undefined or (SequenceValue and not ViewValue)),
        ["callable"] = new("", call => call.Self is ICallable),
        ["escaped"] = new("", call => call.Self is Markup),
        ["lower"] = new("", call => TextCase.IsAll(call.Evaluator.Text(call.Self), upper: false)),
        ["upper"] = new("", call => TextCase.IsAll(call.Evaluator.Text(call.Self), upper: true)),
        ["even"] = new("", call => Remainder(call, 2) == 0),
        ["odd"] = new("", call => Remainder(call, 2) == 1),
        ["divisibleby"] = new("num", call => Remainder(call, Numbers.Real(call.Value(0))) == 0),
        ["sameas"] = new("other", call => ReferenceEquals(call.Self, call.Value(0)) || (call.Self is bool or long && Equals(call.Self, call.Value(0)))),
        ["in"] = new("seq", call => Ordering.Holds("in", call.Self, call.Value(0))),
        ["filter"] = new("", call => Filters.Find(call.SelfText) is not null),
        ["test"] = new("", call => Find(call.SelfText) is not null),
    };

    static Tests()
    {
        foreach (var (symbol, names) in new[]
        {
            ("==", "== eq equalto"), ("!=", "!= ne"), ("<", "< lt lessthan"), ("<=", "<= le"), (">", "> gt greaterthan"), (">=", ">= ge"),
        })
        {
            foreach (var name in names.Split(' '))
            {
                All[name] = new Builtin("other", call => Ordering.Holds(symbol, call.Self, call.Value(0)));
            }
        }
    }

    public static Builtin? Find(string name) => All.GetValueOrDefault(name);

    private static double Remainder(Invocation call, double divisor) =>
        call.Self is Undefined undefined ? throw undefined.Failure()
        : Numbers.Is(call.Self) ? Numbers.Real(Numbers.Apply("%", call.Self, divisor == Math.Floor(divisor) ? (long)divisor : divisor))
        : throw call.Wrong($"needs a number, not {Describe.Kind(call.Self)}");
}
