using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>One call of a <see cref="Builtin"/>, its arguments sorted to its parameters.</summary>
internal sealed class Invocation
{
    private static readonly object Absent = new();
    private readonly string _name;
    private readonly string[] _parameters;
    private readonly object?[] _values;

    public Invocation(string name, string parameters, Evaluator evaluator, object? self, Arguments arguments)
    {
        (_name, Evaluator, Self, Arguments) = (name, evaluator, self, arguments);
        _parameters = parameters is "*" or "" ? [] : parameters.Split(' ');
        _values = new object?[_parameters.Length];
        if (parameters != "*")
        {
            Sort(arguments);
        }
    }

    public Evaluator Evaluator { get; }

    /// <summary>What is filtered or tested, or whose method is called.</summary>
    public object? Self { get; }

    /// <summary>The arguments as they were given.</summary>
    public Arguments Arguments { get; }

    public string SelfText => PythonText.Str(Self);

    public bool Has(int place) => !ReferenceEquals(_values[place], Absent);

    public object? Value(int place) => Has(place) ? _values[place] : throw Wrong($"needs the argument '{_parameters[place]}'");

    public object? Value(int place, object? absent) => Has(place) ? _values[place] : absent;

    public string Text(int place) => Ordering.AsText(Value(place)) ?? throw Kind(place, "a str");

    public string? TextOrNone(int place) => Value(place, null) is { } value ? Ordering.AsText(value) ?? throw Kind(place, "a str") : null;

    public string Text(int place, string absent) => Has(place) ? Text(place) : absent;

    public long Whole(int place) => Numbers.IsWhole(Value(place)) ? Numbers.Whole(_values[place]) : throw Kind(place, "an int");

    public long Whole(int place, long absent) => Has(place) ? Whole(place) : absent;

    public bool Flag(int place, bool absent) => Has(place) ? Truth.Of(_values[place]) : absent;

    public TemplateError Wrong(string problem) => new($"{_name} {problem}.");

    private TemplateError Kind(int place, string needed) => _values[place] is Undefined undefined
        ? undefined.Failure()
        : Wrong($"needs {needed} for '{_parameters[place]}', not {Describe.Kind(_values[place])}");

    private void Sort(Arguments arguments)
    {
        Array.Fill(_values, Absent);
        if (arguments.Positional.Count > _values.Length)
        {
            throw Wrong($"takes {_values.Length} arguments at most, not {arguments.Positional.Count}");
        }

        for (var i = 0; i < arguments.Positional.Count; i++)
        {
            _values[i] = arguments.Positional[i];
        }

        foreach (var (name, value) in arguments.Named)
        {
            var place = Array.IndexOf(_parameters, name);
            if (place < 0 || Has(place))
            {
                throw Wrong(place < 0 ? $"has no argument '{name}'" : $"is given '{name}' twice");
            }

            _values[place] = value;
        }
    }
}
