using Orchestrator.Training.Data.Templates.Library;

namespace Orchestrator.Training.Data.Templates.Values;

/// <summary>What a value is called in an error message: Python's name of its kind.</summary>
internal static class Describe
{
    public static string Kind(object? value) => value switch
    {
        null => "None",
        bool => "bool",
        long or LargeNumber => "int",
        double => "float",
        string or Markup => "str",
        ListValue => "list",
        TupleValue => "tuple",
        RangeValue => "range",
        ViewValue view => view.Kind,
        DictValue => "dict",
        IteratorValue iterator => iterator.Kind,
        NamespaceValue => "namespace",
        Undefined => "undefined",
        ICallable => "function",
        _ => "object",
    };

    public static TemplateError Failure(this Undefined value) => new(value.Problem);
}
