using Orchestrator.Training.Data.Templates.Library;
using Orchestrator.Training.Data.Templates.Syntax;
using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates;

/// <summary>A macro, with the scope it was written in. A call gives the text that its body writes.</summary>
internal sealed class MacroValue(MacroDefinition definition, Scope writtenIn, Renderer renderer) : ICallable, IHasAttributes
{
    public object? Call(Evaluator evaluator, Arguments arguments)
    {
        var scope = new Scope(writtenIn);
        var named = new List<KeyValuePair<string, object?>>(arguments.Named);
        SetParameters(evaluator, scope, arguments.Positional, named);
        SetCaller(scope, named);
        if (Uses("kwargs"))
        {
            scope.Set("kwargs", DictValue.OfNames(named));
        }
        else if (named.Count > 0)
        {
            throw new TemplateError($"macro '{definition.Name}' takes no argument named '{named[0].Key}'.");
        }

        if (Uses("varargs"))
        {
            scope.Set("varargs", new TupleValue([.. arguments.Positional.Skip(definition.Parameters.Count)]));
        }
        else if (arguments.Positional.Count > definition.Parameters.Count)
        {
            throw new TemplateError($"macro '{definition.Name}' takes {definition.Parameters.Count} arguments at most.");
        }

        return renderer.Render(definition.Body, scope);
    }

    public bool TryGet(string name, out object? value)
    {
        value = name switch
        {
            "name" => definition.Name,
            "arguments" => new TupleValue([.. definition.Parameters.Select(parameter => parameter.Name)]),
            _ => null,
        };
        return value is not null;
    }

    private void SetParameters(Evaluator evaluator, Scope scope, IReadOnlyList<object?> positional, List<KeyValuePair<string, object?>> named)
    {
        var defaults = new List<(string Name, Expression? Default)>();
        for (var i = 0; i < definition.Parameters.Count; i++)
        {
            var (name, absent) = definition.Parameters[i];
            var place = i < positional.Count ? -1 : named.FindIndex(argument => argument.Key == name);
            if (i >= positional.Count && place < 0)
            {
                defaults.Add((name, absent));
                continue;
            }

            scope.Set(name, place < 0 ? positional[i] : named[place].Value);
            named.RemoveRange(Math.Max(place, 0), place < 0 ? 0 : 1);
        }

        // A default may use the parameters before it.
        foreach (var (name, absent) in defaults)
        {
            scope.Set(name, absent is null ? new Undefined($"parameter '{name}' was not provided.") : evaluator.Evaluate(absent, scope));
        }
    }

    private void SetCaller(Scope scope, List<KeyValuePair<string, object?>> named)
    {
        if (!Uses("caller") || definition.Parameters.Any(parameter => parameter.Name == "caller"))
        {
            return;
        }

        var place = named.FindIndex(argument => argument.Key == "caller");
        scope.Set("caller", place < 0 ? new Undefined("no caller is defined.") : named[place].Value);
        named.RemoveRange(Math.Max(place, 0), place < 0 ? 0 : 1);
    }

    private bool Uses(string name) => definition.NamesUsed.Contains(name);
}
