using System.Globalization;
using System.Text;

namespace Orchestrator.Training.Data.Templates.Syntax;

/// <summary>Backslash escapes of a string in a template, as Python reads them: an escape that is none stays as it is written.</summary>
internal static class StringEscapes
{
    private const string Letters = "abfnrtv\\'\"";
    private const string Meanings = "\a\b\f\n\r\t\v\\'\"";

    public static string Resolve(string written, int line)
    {
        if (!written.Contains('\\'))
        {
            return written;
        }

        var (text, at) = (new StringBuilder(written.Length), 0);
        while (at < written.Length)
        {
            if (written[at] != '\\')
            {
                text.Append(written[at++]);
                continue;
            }

            at += AppendEscape(written, at + 1, text, line);
        }

        return text.ToString();
    }

    // Returns how many characters the escape takes, its backslash included.
    private static int AppendEscape(string written, int at, StringBuilder text, int line)
    {
        var letter = written[at];
        if (Letters.IndexOf(letter) is var known && known >= 0)
        {
            text.Append(Meanings[known]);
            return 2;
        }

        switch (letter)
        {
            case '\n':
                return 2;
            case 'x' or 'u' or 'U':
                var digits = letter switch { 'x' => 2, 'u' => 4, _ => 8 };
                Append(text, Hexadecimal(written, at + 1, digits, line));
                return 2 + digits;
            case >= '0' and <= '7':
                var octal = written.AsSpan(at, Math.Min(3, written.Length - at));
                var length = octal.IndexOfAnyExceptInRange('0', '7') is var end && end < 0 ? octal.Length : end;
                Append(text, octal[..length].ToString().Aggregate(0, (value, digit) => (value * 8) + digit - '0'));
                return 1 + length;
            default:
                text.Append('\\').Append(letter);
                return 2;
        }
    }

    private static int Hexadecimal(string written, int at, int digits, int line) =>
        at + digits <= written.Length
            && int.TryParse(written.AsSpan(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
            && value is >= 0 and <= 0x10FFFF
            ? value
            : throw new TemplateError($"a string holds '\\{written[at - 1]}' without {digits} hexadecimal digits of a character after it.", line);

    private static void Append(StringBuilder text, int codePoint)
    {
        if (codePoint < 0x10000)
        {
            text.Append((char)codePoint);
        }
        else
        {
            text.Append(char.ConvertFromUtf32(codePoint));
        }
    }
}
