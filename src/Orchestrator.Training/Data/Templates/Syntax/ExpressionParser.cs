namespace Orchestrator.Training.Data.Templates.Syntax;

/// <summary>Expressions by falling precedence: if-else, or, and, not, comparison, + -, ~, * / // %, **, sign, then postfix and filters.</summary>
/// <param name="names">Gets every name that is read.</param>
internal sealed partial class ExpressionParser(TokenStream stream, Action<string> names)
{
    private readonly PostfixParser _postfix = new(stream);

    public Expression Parse(bool withCondition = true) => stream.Nested(() => withCondition ? Condition() : Or());

    /// <summary>One expression, or several with commas between them: a tuple. Ends where <paramref name="end"/> stands or a tag ends.</summary>
    public Expression ParseTuple(bool withCondition = true, string? end = null, bool inParentheses = false)
    {
        var (line, items, isTuple) = (stream.Line, new List<Expression>(), false);
        while (!AtTupleEnd(end))
        {
            items.Add(Parse(withCondition));
            if (!stream.Skip(","))
            {
                break;
            }

            isTuple = true;
        }

        if (!isTuple && items.Count == 1)
        {
            return items[0];
        }

        return items.Count > 0 || inParentheses ? new TupleDisplay(items, line) : throw stream.Unexpected("an expression");
    }

    public FilterUse ParseFilter(Expression? target) => _postfix.Filter(target, this);

    public CallArguments ParseCallArguments() => _postfix.CallArguments(this);

    public Expression Unary(bool withFilters = true) => stream.Nested(() =>
    {
        var (line, isMinus) = (stream.Line, stream.Current.IsOperator("-"));
        var node = isMinus || stream.Current.IsOperator("+") ? Signed(isMinus, line) : ParsePrimary();
        node = _postfix.Parse(node, this);
        return withFilters ? _postfix.FiltersAndTests(node, this) : node;
    });

    private Sign Signed(bool isMinus, int line)
    {
        stream.Next();
        return new Sign(isMinus, Unary(withFilters: false), line);
    }

    private bool AtTupleEnd(string? end) =>
        stream.Current.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd || stream.Current.IsOperator(")") || (end is not null && stream.Current.IsName(end));

    private Expression Condition()
    {
        var value = Or();
        while (stream.Current.IsName("if"))
        {
            var line = stream.Next().Line;
            var test = Or();
            value = new Conditional(test, value, stream.SkipName("else") ? stream.Nested(Condition) : null, line);
        }

        return value;
    }

    private Expression Or()
    {
        var left = And();
        while (stream.Current.IsName("or"))
        {
            var line = stream.Next().Line;
            left = new Logic(false, left, And(), line);
        }

        return left;
    }

    private Expression And()
    {
        var left = Negation();
        while (stream.Current.IsName("and"))
        {
            var line = stream.Next().Line;
            left = new Logic(true, left, Negation(), line);
        }

        return left;
    }

    private Expression Negation()
    {
        if (!stream.Current.IsName("not"))
        {
            return Compare();
        }

        var line = stream.Next().Line;
        return new Not(stream.Nested(Negation), line);
    }

    private Expression Compare()
    {
        var (line, first, rest) = (stream.Line, Sum(), new List<(string, Expression)>());
        while (ComparisonOperator() is { } found)
        {
            rest.Add((found, Sum()));
        }

        return rest.Count == 0 ? first : new Comparison(first, rest, line);
    }

    private string? ComparisonOperator()
    {
        if (stream.Current.Kind == TokenKind.Operator && stream.Current.Text is "==" or "!=" or "<" or "<=" or ">" or ">=")
        {
            return stream.Next().Text;
        }

        if (stream.SkipName("in"))
        {
            return "in";
        }

        if (!stream.Current.IsName("not") || !stream.Following.IsName("in"))
        {
            return null;
        }

        stream.Next();
        stream.Next();
        return "not in";
    }

    private Expression Sum() => LeftToRight(Concatenated, "+", "-");

    private Expression Concatenated()
    {
        var (line, parts) = (stream.Line, new List<Expression> { Product() });
        while (stream.Skip("~"))
        {
            parts.Add(Product());
        }

        return parts.Count == 1 ? parts[0] : new Concatenation(parts, line);
    }

    private Expression Product() => LeftToRight(Power, "*", "/", "//", "%");

    private Expression Power() => LeftToRight(() => Unary(), "**");

    private Expression LeftToRight(Func<Expression> operand, params ReadOnlySpan<string> operators)
    {
        var left = operand();
        while (stream.Current.Kind == TokenKind.Operator && operators.Contains(stream.Current.Text))
        {
            var token = stream.Next();
            left = new Arithmetic(token.Text, left, operand(), token.Line);
        }

        return left;
    }
}
