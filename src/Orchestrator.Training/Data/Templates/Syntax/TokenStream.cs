namespace Orchestrator.Training.Data.Templates.Syntax;

internal sealed class TokenStream(IReadOnlyList<Token> tokens)
{
    // How deep brackets, signs and blocks may nest in one another: far more than templates need, far less than a stack holds.
    private const int DeepestNesting = 150;
    private int _at;
    private int _depth;

    public Token Current => tokens[_at];

    public Token Following => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    public int Line => Current.Line;

    public Token Next() => Current.Kind == TokenKind.End ? Current : tokens[_at++];

    public bool Skip(string symbol)
    {
        var found = Current.IsOperator(symbol);
        _at += found ? 1 : 0;
        return found;
    }

    public bool SkipName(string name)
    {
        var found = Current.IsName(name);
        _at += found ? 1 : 0;
        return found;
    }

    public void Expect(string symbol)
    {
        if (!Skip(symbol))
        {
            throw Unexpected($"'{symbol}'");
        }
    }

    public Token Expect(TokenKind kind, string described) => Current.Kind == kind ? Next() : throw Unexpected(described);

    public TemplateError Unexpected(string needed) => new($"found {Current.Describe()} where {needed} is needed.", Line);

    public T Nested<T>(Func<T> parse)
    {
        if (++_depth > DeepestNesting)
        {
            throw new TemplateError($"more than {DeepestNesting} things nested in one another.", Line);
        }

        var parsed = parse();
        _depth--;
        return parsed;
    }
}
