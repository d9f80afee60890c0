using System.Globalization;
using System.Text.RegularExpressions;
using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>Python's format mini-language ("&gt;8.2f", ",d"), which "%" shares for numbers.</summary>
internal sealed partial record FormatSpec(string Fill, char Align, char Sign, bool Alternate, long Width, char Grouping, int? Precision, char Kind)
{
    public static FormatSpec Parse(string text)
    {
        var match = Pattern().Match(text);
        if (!match.Success)
        {
            throw new TemplateError($"'{text}' is no format that is understood.");
        }

        var (zero, align) = (match.Groups["zero"].Success, First(match, "align"));
        return new FormatSpec(
            match.Groups["fill"].Success ? match.Groups["fill"].Value : zero ? "0" : " ",
            align == '\0' && zero ? '=' : align,
            First(match, "sign"),
            match.Groups["alternate"].Success,
            match.Groups["width"].Success ? Size(match.Groups["width"].Value) : 0,
            First(match, "grouping"),
            match.Groups["precision"].Success ? (int)Size(match.Groups["precision"].Value) : null,
            First(match, "kind"));
    }

    public string Apply(object? value)
    {
        if (Numbers.Is(value))
        {
            var isReal = value is double || Kind is 'e' or 'E' or 'f' or 'F' or 'g' or 'G' or '%';
            var (negative, digits) = isReal ? Real(Numbers.Real(value)) : Whole(Numbers.Whole(value));
            var sign = negative ? "-" : Sign is '+' or ' ' ? Sign.ToString() : "";
            return Align is '=' ? sign + Padded(digits, Width - sign.Length, '>') : Padded(sign + digits, Width, Align == '\0' ? '>' : Align);
        }

        var text = PythonText.Str(value);
        if (Kind is not ('\0' or 's'))
        {
            throw new TemplateError($"the format '{Kind}' needs a number, not {Describe.Kind(value)}.");
        }

        text = Precision is { } most ? (string)Operators.Slice(text, null, (long)most, null)! : text;
        return Padded(text, Width, Align is '\0' or '=' ? '<' : Align);
    }

    private string Padded(string text, long width, char align)
    {
        Limits.CheckText(width);
        var missing = (int)Math.Max(0, width - CodePoints.Count(text));
        var before = align switch { '>' => missing, '^' => missing / 2, _ => 0 };
        return string.Concat(Enumerable.Repeat(Fill, before)) + text + string.Concat(Enumerable.Repeat(Fill, missing - before));
    }

    private (bool Negative, string Digits) Whole(long value)
    {
        var size = value < 0 ? (ulong)-(value + 1) + 1 : (ulong)value;
        var digits = Kind switch
        {
            'x' => (Alternate ? "0x" : "") + size.ToString("x", CultureInfo.InvariantCulture),
            'X' => (Alternate ? "0X" : "") + size.ToString("X", CultureInfo.InvariantCulture),
            'o' => (Alternate ? "0o" : "") + Convert.ToString((long)size, 8),
            'b' => (Alternate ? "0b" : "") + Convert.ToString((long)size, 2),
            'c' => char.ConvertFromUtf32((int)size),
            '\0' or 'd' or 'n' => Grouped(size.ToString(CultureInfo.InvariantCulture)),
            _ => throw new TemplateError($"the format '{Kind}' is not for whole numbers."),
        };
        return (value < 0, digits);
    }

    private (bool Negative, string Digits) Real(double value)
    {
        var (size, negative) = (Math.Abs(value), value < 0 || double.IsNegative(value));
        if (!double.IsFinite(size))
        {
            return (negative && !double.IsNaN(value), double.IsNaN(value) ? "nan" : "inf");
        }

        var digits = Kind switch
        {
            'f' or 'F' => Grouped(RealText.Fixed(size, Precision ?? 6)),
            '%' => RealText.Fixed(size * 100, Precision ?? 6) + "%",
            'e' or 'E' => RealText.Scientific(size, Precision ?? 6),
            '\0' when Precision is null => Grouped(PythonText.Float(size)),
            '\0' => RealText.General(size, Precision.Value, keepsPoint: true),
            'g' or 'G' or 'n' => RealText.General(size, Precision ?? 6, keepsPoint: false),
            _ => throw new TemplateError($"the format '{Kind}' is not for floats."),
        };
        return (negative, Kind is 'E' or 'G' ? digits.ToUpperInvariant() : digits);
    }

    private string Grouped(string digits)
    {
        if (Grouping == '\0')
        {
            return digits;
        }

        var end = digits.AsSpan().IndexOfAnyExceptInRange('0', '9') is var point && point < 0 ? digits.Length : point;
        for (var at = end - 3; at > 0; at -= 3)
        {
            digits = digits.Insert(at, Grouping.ToString());
        }

        return digits;
    }

    private static char First(Match match, string group) => match.Groups[group].Length > 0 ? match.Groups[group].Value[0] : '\0';

    private static long Size(string digits)
    {
        var size = digits.Length < 9 ? long.Parse(digits, CultureInfo.InvariantCulture) : long.MaxValue;
        Limits.CheckText(size);
        return size;
    }

    [GeneratedRegex(@"^(?:(?<fill>(?:[\uD800-\uDBFF][\uDC00-\uDFFF]|[^\n]))(?=[<>=^]))?(?<align>[<>=^])?(?<sign>[-+ ])?z?(?<alternate>#)?(?<zero>0)?(?<width>[0-9]+)?(?<grouping>[,_])?(?:\.(?<precision>[0-9]+))?(?<kind>[a-zA-Z%])?$")]
    private static partial Regex Pattern();
}
