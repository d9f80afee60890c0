using System.Text.RegularExpressions;
using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Syntax;

/// <summary>
/// Cuts a template into text and the tokens of its tags, with the whitespace rules that chat templates are written for: a line break right
/// after a block or comment goes (trim_blocks), blanks between a line's start and a block or comment go (lstrip_blocks), "-" takes all
/// whitespace on its side, "+" keeps it, and one line break at the template's end goes.
/// </summary>
/// <remarks>The rules are those of Jinja 3.1's lexer; Python's regular expressions there are followed match for match.</remarks>
internal sealed partial class Lexer
{
    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private int _at;
    private int _line = 1;
    private bool _lineStarts = true;

    private Lexer(string source) => _source = source;

    public static IReadOnlyList<Token> Read(string source)
    {
        var lines = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        var lexer = new Lexer(lines.EndsWith('\n') ? lines[..^1] : lines);
        lexer.ReadAll();
        return lexer._tokens;
    }

    private void ReadAll()
    {
        while (NextTag() is var start && start >= 0)
        {
            var kind = _source[start + 1];
            var sign = SignAt(start + 2);
            AddText(start, sign, atBlock: kind != '{');
            MoveTo(start + (sign == '\0' ? 2 : 3));
            switch (kind)
            {
                case '#':
                    SkipComment();
                    break;
                case '%' when RawBegin().Match(_source, _at) is { Success: true } raw:
                    ReadRaw(raw);
                    break;
                default:
                    ReadTag(isBlock: kind == '%');
                    break;
            }
        }

        AddText(_source.Length, '+', atBlock: false);
        Add(TokenKind.End, "");
    }

    private int NextTag()
    {
        for (var at = _source.IndexOf('{', _at); at >= 0 && at + 1 < _source.Length; at = _source.IndexOf('{', at + 1))
        {
            if (_source[at + 1] is '{' or '%' or '#')
            {
                return at;
            }
        }

        return -1;
    }

    private char SignAt(int at) => at < _source.Length && _source[at] is '-' or '+' ? _source[at] : '\0';

    private void AddText(int end, char sign, bool atBlock)
    {
        var text = _source[_at..end];
        if (sign == '-')
        {
            text = PythonSpace.TrimEnd(text);
        }
        else if (sign != '+' && atBlock)
        {
            var lineStart = text.LastIndexOf('\n') + 1;
            var onlyBlanks = (lineStart > 0 || _lineStarts) && PythonSpace.IsAll(text.AsSpan(lineStart));
            text = onlyBlanks ? text[..lineStart] : text;
        }

        if (text.Length > 0)
        {
            Add(TokenKind.Text, text);
        }
    }

    private void SkipComment()
    {
        var end = _source.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0)
        {
            throw new TemplateError("a comment '{#' has no end '#}'.", _line);
        }

        var sign = end > _at ? SignAt(end - 1) : '\0';
        MoveTo(end);
        EndTag(sign, trimsNewline: true);
    }

    private void ReadRaw(Match begin)
    {
        MoveTo(_at + begin.Length);
        _lineStarts = _source[_at - 1] == '\n';
        var end = RawEnd().Match(_source, _at);
        if (!end.Success)
        {
            throw new TemplateError("{% raw %} has no {% endraw %}.", _line);
        }

        AddText(end.Index, end.Groups[1].Length > 0 ? end.Groups[1].Value[0] : '\0', atBlock: true);
        MoveTo(end.Index + end.Length);
        _lineStarts = _source[_at - 1] == '\n';
    }

    // At the two characters that end a tag, past the sign before them.
    private void EndTag(char sign, bool trimsNewline)
    {
        var at = _at + 2;
        if (sign == '-')
        {
            while (at < _source.Length && PythonSpace.Is(_source[at]))
            {
                at++;
            }
        }
        else if (sign != '+' && trimsNewline && at < _source.Length && _source[at] == '\n')
        {
            at++;
        }

        MoveTo(at);
        _lineStarts = _source[at - 1] == '\n';
    }

    private void MoveTo(int position)
    {
        _line += _source.AsSpan(_at, position - _at).Count('\n');
        _at = position;
    }

    private void Add(TokenKind kind, string text) => _tokens.Add(new Token(kind, text, _line));

    [GeneratedRegex(@"\G\s*raw\s*(?:-%\}\s*|%\})")]
    private static partial Regex RawBegin();

    [GeneratedRegex(@"\{%([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}\n?)")]
    private static partial Regex RawEnd();
}
