using System.Globalization;
using System.Text;

namespace Orchestrator.Training.Data.Templates.Values;

/// <summary>Python's str() and repr().</summary>
internal static class PythonText
{
    public static string Str(object? value) => value switch
    {
        string text => text,
        Markup markup => markup.Text,
        Undefined => "",
        _ => Repr(value),
    };

    public static string Repr(object? value)
    {
        var text = new StringBuilder();
        Append(text, value);
        return text.ToString();
    }

    /// <summary>The shortest digits that give the number back, written as Python writes them: 1.0, 1e-05, 1e+16, inf.</summary>
    public static string Float(double value)
    {
        if (!double.IsFinite(value))
        {
            return double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
        }

        var scientific = value.ToString("E16", CultureInfo.InvariantCulture);
        var shortest = value.ToString("R", CultureInfo.InvariantCulture);
        if (value == 0)
        {
            return double.IsNegative(value) ? "-0.0" : "0.0";
        }

        var digits = string.Concat(shortest.Split('E')[0].Where(char.IsAsciiDigit)).Trim('0');
        var exponent = int.Parse(scientific.AsSpan(scientific.IndexOf('E') + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        return (value < 0 ? "-" : "") + Place(digits, exponent);
    }

    private static string Place(string digits, int exponent)
    {
        if (exponent is < -4 or >= 16)
        {
            var fraction = digits.Length > 1 ? "." + digits[1..] : "";
            return $"{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }

        if (exponent < 0)
        {
            return "0." + new string('0', -exponent - 1) + digits;
        }

        return digits.Length > exponent + 1
            ? digits[..(exponent + 1)] + "." + digits[(exponent + 1)..]
            : digits.PadRight(exponent + 1, '0') + ".0";
    }

    private static void Append(StringBuilder text, object? value)
    {
        switch (value)
        {
            case null:
                text.Append("None");
                break;
            case bool flag:
                text.Append(flag ? "True" : "False");
                break;
            case long number:
                text.Append(number.ToString(CultureInfo.InvariantCulture));
                break;
            case double number:
                text.Append(Float(number));
                break;
            case LargeNumber number:
                text.Append(number.Digits);
                break;
            case string plain:
                AppendQuoted(text, plain);
                break;
            case Markup markup:
                AppendQuoted(text.Append("Markup("), markup.Text);
                text.Append(')');
                break;
            case Undefined:
                text.Append("Undefined");
                break;
            default:
                AppendContainer(text, value);
                break;
        }
    }

    private static void AppendContainer(StringBuilder text, object value)
    {
        switch (value)
        {
            case RangeValue range:
                text.Append(range.Text);
                break;
            case ViewValue view:
                AppendItems(text.Append(view.Kind).Append('('), "[", view.Items, "])");
                break;
            case TupleValue tuple:
                AppendItems(text, "(", tuple.Items, tuple.Items.Count == 1 ? ",)" : ")");
                break;
            case SequenceValue list:
                AppendItems(text, "[", list.Items, "]");
                break;
            case DictValue dict:
                AppendEntries(text, dict);
                break;
            default:
                text.Append('<').Append(Describe.Kind(value)).Append('>');
                break;
        }
    }

    private static void AppendItems(StringBuilder text, string open, IReadOnlyList<object?> items, string close)
    {
        text.Append(open);
        for (var i = 0; i < items.Count; i++)
        {
            Append(text.Append(i > 0 ? ", " : ""), items[i]);
            Limits.CheckText(text.Length);
        }

        text.Append(close);
    }

    private static void AppendEntries(StringBuilder text, DictValue dict)
    {
        var separator = "{";
        foreach (var (key, value) in dict.Entries)
        {
            Append(text.Append(separator), key);
            Append(text.Append(": "), value);
            Limits.CheckText(text.Length);
            separator = ", ";
        }

        text.Append(dict.Count == 0 ? "{}" : "}");
    }

    private static void AppendQuoted(StringBuilder text, string plain)
    {
        var quote = plain.Contains('\'') && !plain.Contains('"') ? '"' : '\'';
        text.Append(quote);
        for (var at = 0; at < plain.Length; at++)
        {
            var isRune = Rune.TryGetRuneAt(plain, at, out var rune);
            AppendCharacter(text, isRune ? rune.Value : plain[at], isRune && IsPrintable(rune), quote);
            at += isRune ? rune.Utf16SequenceLength - 1 : 0;
        }

        text.Append(quote);
    }

    private static void AppendCharacter(StringBuilder text, int character, bool isPrintable, char quote)
    {
        _ = character switch
        {
            '\\' => text.Append("\\\\"),
            '\n' => text.Append("\\n"),
            '\r' => text.Append("\\r"),
            '\t' => text.Append("\\t"),
            _ when character == quote => text.Append('\\').Append(quote),
            _ when isPrintable => text.Append(char.ConvertFromUtf32(character)),
            < 0x100 => text.Append($"\\x{character:x2}"),
            < 0x10000 => text.Append($"\\u{character:x4}"),
            _ => text.Append($"\\U{character:x8}"),
        };
    }

    private static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);
}
