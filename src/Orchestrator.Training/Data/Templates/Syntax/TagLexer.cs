using System.Text.RegularExpressions;
using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Syntax;

/// <summary>What stands inside {{ }} and {% %}: names, numbers, strings and operators.</summary>
internal sealed partial class Lexer
{
    private static readonly string[] Operators =
        ["//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"];

    private void ReadTag(bool isBlock)
    {
        Add(isBlock ? TokenKind.BlockBegin : TokenKind.VariableBegin, "");
        var (open, end) = (new Stack<char>(), isBlock ? "%}" : "}}");
        while (!(open.Count == 0 && TryEndTag(end, isBlock)))
        {
            if (_at >= _source.Length)
            {
                throw new TemplateError($"a tag has no end '{end}'.", _line);
            }

            if (PythonSpace.Is(_source[_at]))
            {
                MoveTo(_at + 1);
                continue;
            }

            ReadToken(open);
        }
    }

    private bool TryEndTag(string end, bool isBlock)
    {
        var sign = SignAt(_at);
        var signed = sign == '-' || (sign == '+' && isBlock);
        if (string.CompareOrdinal(_source, _at + (signed ? 1 : 0), end, 0, 2) != 0)
        {
            return false;
        }

        MoveTo(_at + (signed ? 1 : 0));
        Add(isBlock ? TokenKind.BlockEnd : TokenKind.VariableEnd, "");
        EndTag(signed ? sign : '\0', trimsNewline: isBlock);
        return true;
    }

    private void ReadToken(Stack<char> open)
    {
        if (TryRead(FloatNumber(), TokenKind.Float) || TryRead(WholeNumber(), TokenKind.Integer) || TryRead(Word(), TokenKind.Name) || TryReadString())
        {
            return;
        }

        var found = Operators.FirstOrDefault(text => string.CompareOrdinal(_source, _at, text, 0, text.Length) == 0)
            ?? throw new TemplateError($"'{_source[_at]}' means nothing inside a tag.", _line);
        Balance(open, found[0]);
        Add(TokenKind.Operator, found);
        MoveTo(_at + found.Length);
    }

    private bool TryRead(Regex pattern, TokenKind kind)
    {
        var match = pattern.Match(_source, _at);
        if (!match.Success)
        {
            return false;
        }

        Add(kind, kind == TokenKind.Name ? match.Value : match.Value.Replace("_", "", StringComparison.Ordinal));
        MoveTo(_at + match.Length);
        return true;
    }

    private bool TryReadString()
    {
        var quote = _source[_at];
        if (quote is not ('\'' or '"'))
        {
            return false;
        }

        var end = _at + 1;
        while (end < _source.Length && _source[end] != quote)
        {
            end += _source[end] == '\\' ? 2 : 1;
        }

        if (end >= _source.Length)
        {
            throw new TemplateError($"a string has no closing {quote}.", _line);
        }

        Add(TokenKind.String, StringEscapes.Resolve(_source[(_at + 1)..end], _line));
        MoveTo(end + 1);
        return true;
    }

    private void Balance(Stack<char> open, char symbol)
    {
        if (symbol is '(' or '[' or '{')
        {
            open.Push(symbol switch { '(' => ')', '[' => ']', _ => '}' });
        }
        else if (symbol is ')' or ']' or '}' && (!open.TryPop(out var expected) || expected != symbol))
        {
            throw new TemplateError($"'{symbol}' closes nothing that is open.", _line);
        }
    }

    [GeneratedRegex(@"\G(?<!\.)(?:[0-9]+_)*[0-9]+(?:(?:\.(?:[0-9]+_)*[0-9]+)?e[+\-]?(?:[0-9]+_)*[0-9]+|\.(?:[0-9]+_)*[0-9]+)", RegexOptions.IgnoreCase)]
    private static partial Regex FloatNumber();

    [GeneratedRegex(@"\G(?:0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[0-9a-f])+|[1-9](?:_?[0-9])*|0(?:_?0)*)", RegexOptions.IgnoreCase)]
    private static partial Regex WholeNumber();

    [GeneratedRegex(@"\G\w+")]
    private static partial Regex Word();
}
