using System.Globalization;

namespace Orchestrator.Training.Data.Templates.Syntax;

/// <summary>What expressions are made of: names, constants, and lists, tuples and dicts written out.</summary>
internal sealed partial class ExpressionParser
{
    public Expression ParsePrimary()
    {
        var token = stream.Current;
        switch (token.Kind)
        {
            case TokenKind.Name:
                stream.Next();
                return NameOrConstant(token);
            case TokenKind.String:
                return new Literal(AdjacentStrings(), token.Line);
            case TokenKind.Integer:
                stream.Next();
                return new Literal(WholeNumber(token), token.Line);
            case TokenKind.Float:
                stream.Next();
                return new Literal(double.Parse(token.Text, CultureInfo.InvariantCulture), token.Line);
            default:
                return Display(token);
        }
    }

    private Expression NameOrConstant(Token token)
    {
        switch (token.Text)
        {
            case "true" or "True":
                return new Literal(true, token.Line);
            case "false" or "False":
                return new Literal(false, token.Line);
            case "none" or "None":
                return new Literal(null, token.Line);
            default:
                names(token.Text);
                return new NameUse(token.Text, token.Line);
        }
    }

    private string AdjacentStrings()
    {
        var text = "";
        while (stream.Current.Kind == TokenKind.String)
        {
            text += stream.Next().Text;
        }

        return text;
    }

    private static long WholeNumber(Token token)
    {
        var text = token.Text;
        try
        {
            return text.Length > 2 && char.ToLowerInvariant(text[1]) is var kind && kind is 'b' or 'o' or 'x'
                ? Convert.ToInt64(text[2..], kind switch { 'b' => 2, 'o' => 8, _ => 16 })
                : long.Parse(text, CultureInfo.InvariantCulture);
        }
        catch (OverflowException)
        {
            throw new TemplateError($"the number {text} is larger than 64 bits hold.", token.Line);
        }
    }

    private Expression Display(Token token)
    {
        if (stream.Skip("("))
        {
            var inner = stream.Nested(() => ParseTuple(inParentheses: true));
            stream.Expect(")");
            return inner;
        }

        if (stream.Skip("["))
        {
            return new ListDisplay(Separated("]", () => Parse()), token.Line);
        }

        return stream.Skip("{") ? new DictDisplay(Separated("}", Entry), token.Line) : throw stream.Unexpected("an expression");
    }

    private List<T> Separated<T>(string end, Func<T> item)
    {
        var items = new List<T>();
        while (!stream.Skip(end))
        {
            if (items.Count > 0)
            {
                stream.Expect(",");
                if (stream.Skip(end))
                {
                    break;
                }
            }

            items.Add(item());
        }

        return items;
    }

    private (Expression Key, Expression Value) Entry()
    {
        var key = Parse();
        stream.Expect(":");
        return (key, Parse());
    }
}
