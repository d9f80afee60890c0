namespace Orchestrator.Training.Data.Templates.Syntax;

/// <summary>What a template computes. The line is where it begins, from 1.</summary>
internal abstract record Expression(int Line);

internal sealed record Literal(object? Value, int Line) : Expression(Line);

internal sealed record NameUse(string Name, int Line) : Expression(Line);

internal sealed record ListDisplay(IReadOnlyList<Expression> Items, int Line) : Expression(Line);

internal sealed record TupleDisplay(IReadOnlyList<Expression> Items, int Line) : Expression(Line);

internal sealed record DictDisplay(IReadOnlyList<(Expression Key, Expression Value)> Entries, int Line) : Expression(Line);

/// <summary>target.name</summary>
internal sealed record AttributeUse(Expression Target, string Name, int Line) : Expression(Line);

/// <summary>target[index]</summary>
internal sealed record ItemUse(Expression Target, Expression Index, int Line) : Expression(Line);

/// <summary>target[start:stop:step]</summary>
internal sealed record SliceUse(Expression Target, Expression? Start, Expression? Stop, Expression? Step, int Line) : Expression(Line);

internal sealed record CallUse(Expression Target, CallArguments Arguments, int Line) : Expression(Line);

/// <summary>target | name(arguments); without a target where a whole block is filtered.</summary>
internal sealed record FilterUse(Expression? Target, string Name, CallArguments Arguments, int Line) : Expression(Line);

/// <summary>target is name(arguments)</summary>
internal sealed record TestUse(Expression Target, string Name, CallArguments Arguments, int Line) : Expression(Line);

/// <summary>-a or +a</summary>
internal sealed record Sign(bool Negative, Expression Operand, int Line) : Expression(Line);

internal sealed record Not(Expression Operand, int Line) : Expression(Line);

/// <summary>One of + - * / // % **</summary>
internal sealed record Arithmetic(string Operator, Expression Left, Expression Right, int Line) : Expression(Line);

/// <summary>a and b, a or b: the value of the operand that decided.</summary>
internal sealed record Logic(bool IsAnd, Expression Left, Expression Right, int Line) : Expression(Line);

/// <summary>a &lt; b &lt;= c, a in b: each operand computed once.</summary>
internal sealed record Comparison(Expression First, IReadOnlyList<(string Operator, Expression Operand)> Rest, int Line) : Expression(Line);

/// <summary>a ~ b ~ c</summary>
internal sealed record Concatenation(IReadOnlyList<Expression> Parts, int Line) : Expression(Line);

/// <summary>then if test else otherwise</summary>
internal sealed record Conditional(Expression Test, Expression Then, Expression? Otherwise, int Line) : Expression(Line);

/// <summary>(a, name=b, *spread, **namedSpread)</summary>
internal sealed record CallArguments(
    IReadOnlyList<Expression> Positional,
    IReadOnlyList<(string Name, Expression Value)> Named,
    Expression? Spread = null,
    Expression? NamedSpread = null)
{
    public static readonly CallArguments None = new([], []);
}
