namespace Orchestrator.Training.Data.Templates.Syntax;

/// <summary>What stands left of "=" and behind "for": a name, a namespace's attribute, or several of them.</summary>
internal sealed partial class TemplateParser
{
    private Target Target(string? end, bool allowNamespace)
    {
        var (line, items) = (_stream.Line, new List<Target> { SingleTarget(allowNamespace) });
        var isTuple = false;
        while (_stream.Skip(","))
        {
            isTuple = true;
            if (_stream.Current.IsOperator("=") || (end is not null && _stream.Current.IsName(end)))
            {
                break;
            }

            items.Add(SingleTarget(allowNamespace));
        }

        return isTuple ? new TupleTarget(items, line) : items[0];
    }

    private Target SingleTarget(bool allowNamespace) => _stream.Nested<Target>(() =>
    {
        if (_stream.Skip("("))
        {
            var inner = Target(end: null, allowNamespace);
            _stream.Expect(")");
            return inner;
        }

        var name = _stream.Expect(TokenKind.Name, "a name to assign to");
        if (name.Text is "true" or "false" or "none" or "True" or "False" or "None")
        {
            throw new TemplateError($"cannot assign to '{name.Text}'.", name.Line);
        }

        return allowNamespace && _stream.Skip(".")
            ? new NamespaceTarget(name.Text, _stream.Expect(TokenKind.Name, "an attribute's name").Text, name.Line)
            : new NameTarget(name.Text, name.Line);
    });
}
