namespace Orchestrator.Training.Data.Templates.Syntax;

/// <summary>What a template does, in the order it is written.</summary>
internal abstract record Statement(int Line);

internal sealed record TextOutput(string Text, int Line) : Statement(Line);

internal sealed record ValueOutput(Expression Value, int Line) : Statement(Line);

internal sealed record If(Expression Test, IReadOnlyList<Statement> Then, IReadOnlyList<Statement> Otherwise, int Line) : Statement(Line);

internal sealed record For(
    Target Target,
    Expression Items,
    Expression? Filter,
    bool Recursive,
    IReadOnlyList<Statement> Body,
    IReadOnlyList<Statement> Otherwise,
    int Line) : Statement(Line);

internal sealed record Break(int Line) : Statement(Line);

internal sealed record Continue(int Line) : Statement(Line);

internal sealed record Set(Target Target, Expression Value, int Line) : Statement(Line);

/// <summary>{% set target | filter %} body {% endset %}</summary>
internal sealed record SetBlock(Target Target, FilterUse? Filter, IReadOnlyList<Statement> Body, int Line) : Statement(Line);

internal sealed record Macro(MacroDefinition Definition, int Line) : Statement(Line);

/// <summary>{% call(parameters) call %} body {% endcall %}</summary>
internal sealed record CallBlock(CallUse Call, MacroDefinition Body, int Line) : Statement(Line);

internal sealed record FilterBlock(FilterUse Filter, IReadOnlyList<Statement> Body, int Line) : Statement(Line);

internal sealed record With(IReadOnlyList<(Target Target, Expression Value)> Values, IReadOnlyList<Statement> Body, int Line) : Statement(Line);

/// <summary>{% generation %}: marks what the assistant wrote; it renders as its body, in a scope of its own.</summary>
internal sealed record Generation(IReadOnlyList<Statement> Body, int Line) : Statement(Line);

internal sealed record MacroDefinition(
    string Name,
    IReadOnlyList<(string Name, Expression? Default)> Parameters,
    IReadOnlyList<Statement> Body,
    IReadOnlySet<string> NamesUsed);

/// <summary>What can be assigned to.</summary>
internal abstract record Target(int Line);

internal sealed record NameTarget(string Name, int Line) : Target(Line);

internal sealed record NamespaceTarget(string Name, string Attribute, int Line) : Target(Line);

internal sealed record TupleTarget(IReadOnlyList<Target> Items, int Line) : Target(Line);
