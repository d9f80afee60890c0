using System.Runtime.CompilerServices;
using Orchestrator.Training.Data.Templates.Library;
using Orchestrator.Training.Data.Templates.Syntax;
using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates;

/// <summary>Computes expressions. Its work and depth are bounded; where it stands is known for error messages.</summary>
internal sealed class Evaluator(Limits limits)
{
    private int _depth;

    public Limits Limits => limits;

    /// <summary>The line that is being computed, from 1.</summary>
    public int Line { get; private set; } = 1;

    /// <summary>Does one thing inside another, one deeper.</summary>
    public T Deeper<T>(int line, Func<T> compute)
    {
        if (++_depth > Limits.DeepestCalls || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new TemplateError("the template goes too deep: a macro that calls itself without end?", line);
        }

        Line = line;
        limits.Charge(1);
        var result = compute();
        Line = line;
        _depth--;
        return result;
    }

    public object? Evaluate(Expression expression, Scope scope) => Deeper(expression.Line, () => expression switch
    {
        Literal literal => literal.Value,
        NameUse name => scope.TryGet(name.Name, out var value) ? value : new Undefined($"'{name.Name}' is undefined."),
        AttributeUse attribute => Attributes.Attribute(Evaluate(attribute.Target, scope), attribute.Name),
        ItemUse item => Item(Evaluate(item.Target, scope), Evaluate(item.Index, scope)),
        CallUse call => Call(Evaluate(call.Target, scope), Collect(call.Arguments, scope)),
        FilterUse filter => Filter(filter.Name, Evaluate(filter.Target!, scope), Collect(filter.Arguments, scope)),
        TestUse test => Test(test.Name, Evaluate(test.Target, scope), Collect(test.Arguments, scope)),
        Conditional choice => Choose(choice, scope),
        Logic logic => Evaluate(logic.Left, scope) is var left && Truth.Of(left) == logic.IsAnd ? Evaluate(logic.Right, scope) : left,
        Not not => !Truth.Of(Evaluate(not.Operand, scope)),
        Comparison comparison => Compare(comparison, scope),
        Concatenation concatenation => Concatenate(concatenation, scope),
        Arithmetic arithmetic => Calculate(arithmetic.Operator, Evaluate(arithmetic.Left, scope), Evaluate(arithmetic.Right, scope)),
        Sign sign => Operators.Signed(sign.Negative, Evaluate(sign.Operand, scope)),
        SliceUse slice => Slice(slice, scope),
        ListDisplay list => new ListValue([.. list.Items.Select(item => Evaluate(item, scope))]),
        TupleDisplay tuple => new TupleValue([.. tuple.Items.Select(item => Evaluate(item, scope))]),
        DictDisplay dict => new DictValue([.. dict.Entries.Select(entry => KeyValuePair.Create(Evaluate(entry.Key, scope), Evaluate(entry.Value, scope)))]),
        _ => throw new TemplateError($"{expression.GetType().Name} cannot be computed."),
    });

    public object? Call(object? target, Arguments arguments) => target switch
    {
        ICallable callable => callable.Call(this, arguments),
        Undefined undefined => throw undefined.Failure(),
        _ => throw new TemplateError($"{Describe.Kind(target)} cannot be called."),
    };

    public object? Filter(string name, object? target, Arguments arguments)
    {
        var filter = Filters.Find(name) ?? throw new TemplateError($"there is no filter '{name}'.");
        limits.Charge(filter.IsShallow ? Weights.Shallow(target) : Weights.Of(target));
        var result = filter.Builtin.Invoke($"filter '{name}'", this, target, arguments);
        limits.Charge(Weights.Shallow(result));
        return result;
    }

    public bool Test(string name, object? target, Arguments arguments)
    {
        var test = Tests.Find(name) ?? throw new TemplateError($"there is no test '{name}'.");
        limits.Charge(arguments.Positional.Count == 0 ? 1 : Weights.Of(target) + arguments.Positional.Sum(Weights.Of));
        return Truth.Of(test.Invoke($"test '{name}'", this, target, arguments));
    }

    public Arguments Collect(CallArguments written, Scope scope)
    {
        var positional = written.Positional.Select(argument => Evaluate(argument, scope)).ToList();
        var named = written.Named.Select(argument => KeyValuePair.Create(argument.Name, Evaluate(argument.Value, scope))).ToList();
        if (written.Spread is { } spread)
        {
            positional.AddRange(Truth.Items(Evaluate(spread, scope)));
        }

        if (written.NamedSpread is { } namedSpread)
        {
            var dict = Evaluate(namedSpread, scope) as DictValue ?? throw new TemplateError("'**' needs a dict.");
            named.AddRange(dict.Entries.Select(entry => KeyValuePair.Create(PythonText.Str(entry.Key), entry.Value)));
        }

        return new Arguments(positional, named);
    }

    private object? Choose(Conditional choice, Scope scope) =>
        Truth.Of(Evaluate(choice.Test, scope)) ? Evaluate(choice.Then, scope)
        : choice.Otherwise is { } otherwise ? Evaluate(otherwise, scope)
        : new Undefined("an 'if' without 'else' gave no value.");

    private object? Item(object? target, object? key)
    {
        limits.Charge(target is string ? Weights.Of(target) : 1);
        return Attributes.Item(target, key);
    }

    private bool Compare(Comparison comparison, Scope scope)
    {
        var left = Evaluate(comparison.First, scope);
        foreach (var (symbol, operand) in comparison.Rest)
        {
            var right = Evaluate(operand, scope);
            limits.Charge(right is DictValue && symbol is "in" or "not in" ? 1 : Math.Min(Weights.Of(left), 1000) + Weights.Of(right));
            if (!Ordering.Holds(symbol, left, right))
            {
                return false;
            }

            left = right;
        }

        return true;
    }

    private string Concatenate(Concatenation concatenation, Scope scope)
    {
        string[] parts = [.. concatenation.Parts.Select(part => Text(Evaluate(part, scope)))];
        Limits.CheckText(parts.Sum(part => (long)part.Length));
        return string.Concat(parts);
    }

    /// <summary>A value as it is written out.</summary>
    public string Text(object? value)
    {
        limits.Charge(Weights.Of(value));
        return PythonText.Str(value);
    }

    private object? Calculate(string operation, object? left, object? right)
    {
        var result = Operators.Apply(operation, left, right);
        limits.Charge(Weights.Shallow(result));
        return result;
    }

    private object? Slice(SliceUse slice, Scope scope)
    {
        var target = Evaluate(slice.Target, scope);
        var (start, stop, step) = (Bound(slice.Start, scope), Bound(slice.Stop, scope), Bound(slice.Step, scope));
        limits.Charge(Weights.Shallow(target));
        return Operators.Slice(target, start, stop, step);
    }

    private object? Bound(Expression? written, Scope scope) => written is null ? null : Evaluate(written, scope);
}
