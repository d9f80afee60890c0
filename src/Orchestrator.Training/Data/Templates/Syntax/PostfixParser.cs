using System.Globalization;

namespace Orchestrator.Training.Data.Templates.Syntax;

/// <summary>What follows a value: .attribute, [item], (call), | filter, is test.</summary>
internal sealed class PostfixParser(TokenStream stream)
{
    public Expression Parse(Expression node, ExpressionParser expressions)
    {
        while (true)
        {
            if (stream.Current.IsOperator(".") || stream.Current.IsOperator("["))
            {
                node = Subscript(node, expressions);
            }
            else if (stream.Current.IsOperator("("))
            {
                node = new CallUse(node, CallArguments(expressions), stream.Line);
            }
            else
            {
                return node;
            }
        }
    }

    public Expression FiltersAndTests(Expression node, ExpressionParser expressions)
    {
        while (true)
        {
            if (stream.Skip("|"))
            {
                node = Filter(node, expressions);
            }
            else if (stream.SkipName("is"))
            {
                node = Test(node, expressions);
            }
            else if (stream.Current.IsOperator("("))
            {
                node = new CallUse(node, CallArguments(expressions), stream.Line);
            }
            else
            {
                return node;
            }
        }
    }

    public FilterUse Filter(Expression? target, ExpressionParser expressions)
    {
        var (line, name) = (stream.Line, DottedName());
        return new FilterUse(target, name, stream.Current.IsOperator("(") ? CallArguments(expressions) : Syntax.CallArguments.None, line);
    }

    public CallArguments CallArguments(ExpressionParser expressions)
    {
        stream.Expect("(");
        var (positional, named, count) = (new List<Expression>(), new List<(string, Expression)>(), 0);
        var (spread, namedSpread) = ((Expression?)null, (Expression?)null);
        while (!stream.Skip(")"))
        {
            if (count++ > 0)
            {
                stream.Expect(",");
                if (stream.Skip(")"))
                {
                    break;
                }
            }

            if (stream.Skip("**"))
            {
                namedSpread = namedSpread is null ? expressions.Parse() : throw stream.Unexpected("one '**' at most");
            }
            else if (stream.Skip("*"))
            {
                spread = spread is null ? expressions.Parse() : throw stream.Unexpected("one '*' at most");
            }
            else if (stream.Current.Kind == TokenKind.Name && stream.Following.IsOperator("="))
            {
                var name = stream.Next().Text;
                stream.Next();
                named.Add((name, expressions.Parse()));
            }
            else if (named.Count > 0 || spread is not null || namedSpread is not null)
            {
                throw stream.Unexpected("a named argument (positional ones come first)");
            }
            else
            {
                positional.Add(expressions.Parse());
            }
        }

        return new CallArguments(positional, named, spread, namedSpread);
    }

    private Expression Test(Expression target, ExpressionParser expressions)
    {
        var (negated, line, name) = (stream.SkipName("not"), stream.Line, DottedName());
        var arguments = Syntax.CallArguments.None;
        if (stream.Current.IsOperator("("))
        {
            arguments = CallArguments(expressions);
        }
        else if (stream.Current.IsName("is"))
        {
            throw stream.Unexpected("the end of the test before it (tests do not chain)");
        }
        else if (BeginsTestArgument(stream.Current))
        {
            arguments = new CallArguments([Parse(expressions.ParsePrimary(), expressions)], []);
        }

        var test = new TestUse(target, name, arguments, line);
        return negated ? new Not(test, line) : test;
    }

    // Without parentheses: "x is divisibleby 3".
    private static bool BeginsTestArgument(Token token) => token.Kind switch
    {
        TokenKind.Name => token.Text is not ("else" or "or" or "and"),
        TokenKind.String or TokenKind.Integer or TokenKind.Float => true,
        TokenKind.Operator => token.Text is "[" or "{",
        _ => false,
    };

    private string DottedName()
    {
        var name = stream.Expect(TokenKind.Name, "a name").Text;
        while (stream.Skip("."))
        {
            name += "." + stream.Expect(TokenKind.Name, "a name").Text;
        }

        return name;
    }

    private Expression Subscript(Expression target, ExpressionParser expressions)
    {
        var token = stream.Next();
        if (token.IsOperator("["))
        {
            return Bracketed(target, token.Line, expressions);
        }

        var name = stream.Next();
        return name.Kind switch
        {
            TokenKind.Name => new AttributeUse(target, name.Text, name.Line),
            TokenKind.Integer when long.TryParse(name.Text, CultureInfo.InvariantCulture, out var index) =>
                new ItemUse(target, new Literal(index, name.Line), name.Line),
            _ => throw new TemplateError($"found {name.Describe()} after '.', where a name or a number is needed.", name.Line),
        };
    }

    private Expression Bracketed(Expression target, int line, ExpressionParser expressions)
    {
        var (parts, colons) = (new Expression?[3], 0);
        var items = new List<Expression>();
        while (!stream.Skip("]"))
        {
            if (stream.Skip(":") && items.Count == 0 && colons < 2)
            {
                colons++;
            }
            else if (parts[colons] is null)
            {
                parts[colons] = expressions.Parse();
            }
            else if (colons == 0)
            {
                items.Add(parts[0]!);
                stream.Expect(",");
                parts[0] = stream.Current.IsOperator("]") ? null : expressions.Parse();
            }
            else
            {
                throw stream.Unexpected("']'");
            }
        }

        if (colons > 0)
        {
            return new SliceUse(target, parts[0], parts[1], parts[2], line);
        }

        items.AddRange(parts[0] is { } last ? [last] : []);
        return items.Count switch
        {
            0 => throw new TemplateError("'[]' after a value holds no index.", line),
            1 => new ItemUse(target, items[0], line),
            _ => new ItemUse(target, new TupleDisplay(items, line), line),
        };
    }
}
