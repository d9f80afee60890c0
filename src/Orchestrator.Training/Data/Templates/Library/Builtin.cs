namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>A filter, test, method or function of the engine.</summary>
/// <param name="Parameters">Names in order, with blanks between; "*" takes any arguments as they are.</param>
internal sealed record Builtin(string Parameters, Func<Invocation, object?> Body)
{
    public object? Invoke(string name, Evaluator evaluator, object? self, Arguments arguments) =>
        Body(new Invocation(name, Parameters, evaluator, self, arguments));
}

internal sealed class BuiltinFunction(string name, Builtin builtin) : ICallable
{
    public object? Call(Evaluator evaluator, Arguments arguments) => builtin.Invoke(name, evaluator, null, arguments);
}

/// <summary>A method of a value: "text".upper</summary>
internal sealed class BoundMethod(object? self, string name, Builtin method) : ICallable
{
    public object? Call(Evaluator evaluator, Arguments arguments)
    {
        evaluator.Limits.Charge(Values.Weights.Shallow(self));
        var result = method.Invoke(name, evaluator, self, arguments);
        evaluator.Limits.Charge(Values.Weights.Shallow(result));
        return self is Values.Markup && result is string text ? new Values.Markup(text) : result;
    }
}
