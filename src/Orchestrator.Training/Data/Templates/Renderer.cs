using System.Text;
using Orchestrator.Training.Data.Templates.Syntax;
using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates;

/// <summary>Carries out a template's statements and collects what they write.</summary>
internal sealed class Renderer(Evaluator evaluator)
{
    private enum Flow
    {
        Next,
        Break,
        Continue,
    }

    /// <summary>The text that statements write in a scope.</summary>
    public string Render(IReadOnlyList<Statement> statements, Scope scope)
    {
        var output = new StringBuilder();
        Run(statements, scope, output);
        return output.ToString();
    }

    private Flow Run(IReadOnlyList<Statement> statements, Scope scope, StringBuilder output)
    {
        foreach (var statement in statements)
        {
            var flow = evaluator.Deeper(statement.Line, () => Run(statement, scope, output));
            Limits.CheckText(output.Length);
            if (flow != Flow.Next)
            {
                return flow;
            }
        }

        return Flow.Next;
    }

    private Flow Run(Statement statement, Scope scope, StringBuilder output)
    {
        switch (statement)
        {
            case TextOutput text:
                return Write(text.Text, output);
            case ValueOutput value:
                return Write(evaluator.Text(evaluator.Evaluate(value.Value, scope)), output);
            case If choice:
                return Run(Truth.Of(evaluator.Evaluate(choice.Test, scope)) ? choice.Then : choice.Otherwise, scope, output);
            case For loop:
                return Write(Loop(loop, evaluator.Evaluate(loop.Items, scope), scope, depth: 0), output);
            case Break:
                return Flow.Break;
            case Continue:
                return Flow.Continue;
            case Set set:
                Assign(set.Target, evaluator.Evaluate(set.Value, scope), scope);
                return Flow.Next;
            case SetBlock block:
                var content = Render(block.Body, new Scope(scope));
                Assign(block.Target, block.Filter is { } applied ? Filtered(applied, content, scope) : content, scope);
                return Flow.Next;
            case Macro macro:
                scope.Set(macro.Definition.Name, new MacroValue(macro.Definition, scope, this));
                return Flow.Next;
            default:
                return Write(evaluator.Text(Scoped(statement, scope)), output);
        }
    }

    // Statements whose body has a scope of its own and gives one text.
    private object? Scoped(Statement statement, Scope scope)
    {
        switch (statement)
        {
            case CallBlock block:
                var given = evaluator.Collect(block.Call.Arguments, scope);
                var caller = KeyValuePair.Create("caller", (object?)new MacroValue(block.Body, scope, this));
                return evaluator.Call(evaluator.Evaluate(block.Call.Target, scope), given with { Named = [.. given.Named, caller] });
            case FilterBlock block:
                return Filtered(block.Filter, Render(block.Body, new Scope(scope)), scope);
            case Generation generation:
                return Render(generation.Body, new Scope(scope));
            case With with:
                var inner = new Scope(scope);
                foreach (var (target, value) in with.Values)
                {
                    Assign(target, evaluator.Evaluate(value, scope), inner);
                }

                return Render(with.Body, inner);
            default:
                throw new TemplateError($"{statement.GetType().Name} cannot be carried out.");
        }
    }

    private Flow Write(string text, StringBuilder output)
    {
        evaluator.Limits.Charge(text.Length / 4);
        output.Append(text);
        return Flow.Next;
    }

    private object? Filtered(FilterUse filter, object? content, Scope scope)
    {
        var target = filter.Target is FilterUse inner ? Filtered(inner, content, scope) : content;
        return evaluator.Filter(filter.Name, target, evaluator.Collect(filter.Arguments, scope));
    }

    private string Loop(For loop, object? over, Scope scope, int depth)
    {
        var items = Truth.Items(over);
        evaluator.Limits.Charge(over is string ? 4L * items.Count : items.Count);
        var kept = loop.Filter is null ? items : [.. items.Where(item => Truth.Of(evaluator.Evaluate(loop.Filter, Turn(loop, item, scope))))];
        if (kept.Count == 0)
        {
            return Render(loop.Otherwise, new Scope(scope));
        }

        Func<object?, string>? again = loop.Recursive ? inner => evaluator.Deeper(loop.Line, () => Loop(loop, inner, scope, depth + 1)) : null;
        var (output, state) = (new StringBuilder(), new LoopValue(kept, depth, again));
        do
        {
            var turn = Turn(loop, state.Current, scope);
            turn.Set("loop", state);
            if (Run(loop.Body, turn, output) == Flow.Break)
            {
                break;
            }
        }
        while (state.MoveNext());
        return output.ToString();
    }

    private Scope Turn(For loop, object? item, Scope scope)
    {
        var turn = new Scope(scope);
        Assign(loop.Target, item, turn);
        return turn;
    }

    private void Assign(Target target, object? value, Scope scope)
    {
        switch (target)
        {
            case NameTarget name:
                scope.Set(name.Name, value);
                break;
            case NamespaceTarget held:
                var space = scope.TryGet(held.Name, out var found) ? found as NamespaceValue : null;
                (space ?? throw new TemplateError($"'{held.Name}' is no namespace: its attribute '{held.Attribute}' cannot be set.")).Attributes[held.Attribute] = value;
                break;
            case TupleTarget tuple:
                var items = value is Undefined undefined ? throw undefined.Failure() : Truth.Items(value);
                if (items.Count != tuple.Items.Count)
                {
                    throw new TemplateError($"{items.Count} values cannot be assigned to {tuple.Items.Count} names.");
                }

                for (var i = 0; i < items.Count; i++)
                {
                    Assign(tuple.Items[i], items[i], scope);
                }

                break;
            default:
                throw new TemplateError("this cannot be assigned to.");
        }
    }
}
