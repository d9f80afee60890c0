namespace Orchestrator.Training.Data.Templates.Syntax;

/// <summary>A template as statements. Tags that read other templates or run code have no meaning here and are refused by name.</summary>
internal sealed partial class TemplateParser
{
    private readonly TokenStream _stream;
    private readonly ExpressionParser _expressions;
    private readonly Stack<HashSet<string>> _names = new([[]]);
    private int _loops;

    private TemplateParser(IReadOnlyList<Token> tokens)
    {
        _stream = new TokenStream(tokens);
        _expressions = new ExpressionParser(_stream, name => _names.Peek().Add(name));
    }

    /// <param name="namesUsed">Every name that the template reads anywhere.</param>
    public static IReadOnlyList<Statement> Parse(string source, out IReadOnlySet<string> namesUsed)
    {
        var parser = new TemplateParser(Lexer.Read(source));
        var statements = parser.Statements();
        if (parser._stream.Current.Kind != TokenKind.End)
        {
            throw new TemplateError($"'{parser._stream.Current.Text}' ends nothing that is open.", parser._stream.Line);
        }

        namesUsed = parser._names.Peek();
        return statements;
    }

    // Until one of these tags, whose name is then the current token, or the template's end.
    private List<Statement> Statements(params string[] ends) => _stream.Nested(() =>
    {
        var found = new List<Statement>();
        while (_stream.Current.Kind != TokenKind.End)
        {
            var token = _stream.Next();
            switch (token.Kind)
            {
                case TokenKind.Text:
                    found.Add(new TextOutput(token.Text, token.Line));
                    break;
                case TokenKind.VariableBegin:
                    found.Add(new ValueOutput(_expressions.ParseTuple(), token.Line));
                    _stream.Expect(TokenKind.VariableEnd, "'}}'");
                    break;
                case TokenKind.BlockBegin when _stream.Current.Kind == TokenKind.Name && IsEnd(_stream.Current.Text, ends):
                    return found;
                default:
                    found.Add(Tag());
                    _stream.Expect(TokenKind.BlockEnd, "'%}'");
                    break;
            }
        }

        return ends.Length == 0 ? found : throw new TemplateError($"the template ends where {{% {ends[^1]} %}} is needed.", _stream.Line);
    });

    private static bool IsEnd(string tag, string[] ends) =>
        ends.Contains(tag) || (ends.Length == 0 && (tag.StartsWith("end", StringComparison.Ordinal) || tag is "else" or "elif"));

    private List<Statement> Body(string end)
    {
        _stream.Expect(TokenKind.BlockEnd, "'%}'");
        var body = Statements(end);
        _stream.Next();
        return body;
    }

    private Statement Tag()
    {
        var tag = _stream.Expect(TokenKind.Name, "a tag's name");
        return tag.Text switch
        {
            "if" => ParseIf(tag.Line),
            "for" => ParseFor(tag.Line),
            "set" => ParseSet(tag.Line),
            "macro" => ParseMacro(tag.Line),
            "call" => ParseCall(tag.Line),
            "filter" => new FilterBlock(FilterChain(null), Body("endfilter"), tag.Line),
            "with" => ParseWith(tag.Line),
            "generation" => new Generation(InOwnLoops(() => Body("endgeneration")), tag.Line),
            "break" => _loops > 0 ? new Break(tag.Line) : throw OutsideLoop(tag),
            "continue" => _loops > 0 ? new Continue(tag.Line) : throw OutsideLoop(tag),
            "include" or "import" or "from" or "extends" or "block" or "do" or "autoescape" or "trans" or "debug" =>
                throw new TemplateError($"the tag '{tag.Text}' has no place in a chat template and is not supported.", tag.Line),
            _ => throw new TemplateError($"unknown tag '{tag.Text}'.", tag.Line),
        };
    }

    private static TemplateError OutsideLoop(Token tag) => new($"'{tag.Text}' stands outside a loop.", tag.Line);

    private If ParseIf(int line)
    {
        var test = _expressions.ParseTuple(withCondition: false);
        _stream.Expect(TokenKind.BlockEnd, "'%}'");
        var then = Statements("elif", "else", "endif");
        var tag = _stream.Next();
        return tag.Text switch
        {
            "elif" => new If(test, then, [_stream.Nested(() => ParseIf(tag.Line))], line),
            "else" => new If(test, then, Body("endif"), line),
            _ => new If(test, then, [], line),
        };
    }

    private For ParseFor(int line)
    {
        var target = Target("in", allowNamespace: false);
        if (target is NameTarget { Name: "loop" })
        {
            throw new TemplateError("a loop's own variable cannot be named 'loop'.", line);
        }

        if (!_stream.SkipName("in"))
        {
            throw _stream.Unexpected("'in'");
        }

        var items = _expressions.ParseTuple(withCondition: false, end: "recursive");
        var filter = _stream.SkipName("if") ? _expressions.Parse() : null;
        var recursive = _stream.SkipName("recursive");
        _stream.Expect(TokenKind.BlockEnd, "'%}'");
        _loops++;
        var body = Statements("else", "endfor");
        _loops--;
        return new For(target, items, filter, recursive, body, _stream.Next().Text == "else" ? Body("endfor") : [], line);
    }

    private Statement ParseSet(int line)
    {
        var target = Target(end: null, allowNamespace: true);
        if (_stream.Skip("="))
        {
            return new Set(target, _expressions.ParseTuple(), line);
        }

        var filter = _stream.Skip("|") ? FilterChain(null) : null;
        return new SetBlock(target, filter, Body("endset"), line);
    }

    private Macro ParseMacro(int line)
    {
        var name = _stream.Expect(TokenKind.Name, "the macro's name").Text;
        return new Macro(Definition(name, "endmacro", Parameters()), line);
    }

    private CallBlock ParseCall(int line)
    {
        var parameters = _stream.Current.IsOperator("(") ? Parameters() : [];
        var call = _expressions.Parse() as CallUse ?? throw new TemplateError("{% call %} needs a call.", line);
        return new CallBlock(call, Definition("caller", "endcall", parameters), line);
    }

    private MacroDefinition Definition(string name, string end, List<(string Name, Expression? Default)> parameters)
    {
        _names.Push([]);
        var body = InOwnLoops(() => Body(end));
        var used = _names.Pop();
        _names.Peek().UnionWith(used);
        return new MacroDefinition(name, parameters, body, used);
    }

    // A body that is called is not inside the loop that it is written in: break cannot leave it.
    private T InOwnLoops<T>(Func<T> parse)
    {
        var outer = _loops;
        _loops = 0;
        var parsed = parse();
        _loops = outer;
        return parsed;
    }

    private List<(string Name, Expression? Default)> Parameters()
    {
        var parameters = new List<(string, Expression?)>();
        _stream.Expect("(");
        while (!_stream.Skip(")"))
        {
            if (parameters.Count > 0)
            {
                _stream.Expect(",");
            }

            var name = _stream.Expect(TokenKind.Name, "a parameter's name").Text;
            parameters.Add((name, _stream.Skip("=") ? _expressions.Parse() : null));
        }

        return parameters;
    }

    private With ParseWith(int line)
    {
        var values = new List<(Target, Expression)>();
        while (_stream.Current.Kind != TokenKind.BlockEnd)
        {
            if (values.Count > 0)
            {
                _stream.Expect(",");
            }

            var target = SingleTarget(allowNamespace: false);
            _stream.Expect("=");
            values.Add((target, _expressions.Parse()));
        }

        return new With(values, Body("endwith"), line);
    }

    private FilterUse FilterChain(FilterUse? inner)
    {
        var filter = _expressions.ParseFilter(inner);
        return _stream.Skip("|") ? FilterChain(filter) : filter;
    }
}
