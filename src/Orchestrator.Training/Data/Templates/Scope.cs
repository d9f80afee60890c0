namespace Orchestrator.Training.Data.Templates;

/// <summary>The names that a part of a template sees. A loop's turn, a macro and a "with" have their own; an "if" has not.</summary>
internal sealed class Scope(Scope? outer = null)
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);

    public bool TryGet(string name, out object? value)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope._values.TryGetValue(name, out value))
            {
                return true;
            }
        }

        value = null;
        return false;
    }

    public void Set(string name, object? value) => _values[name] = value;

    private Scope? Outer => outer;
}
