using System.Globalization;
using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>Filters that give numbers.</summary>
internal static class NumberFilters
{
    public static readonly Dictionary<string, Builtin> All = new(StringComparer.Ordinal)
    {
        ["abs"] = new("", call => Truth.Of(Ordering.Holds("<", call.Self, 0L)) ? Operators.Signed(true, call.Self) : Operators.Signed(false, call.Self)),
        ["float"] = new("default", call => ToFloat(Defined(call)) ?? call.Value(0, 0.0)),
        ["int"] = new("default base", ToInt),
        ["round"] = new("precision method", Round),
        ["sum"] = new("attribute start", Sum),
    };

    private static object? Defined(Invocation call) => call.Self is Undefined undefined ? throw undefined.Failure() : call.Self;

    private static object? ToInt(Invocation call)
    {
        var value = Defined(call);
        if (Ordering.AsText(value) is { } text && ParseWhole(text, call.Whole(1, 10)) is { } whole)
        {
            return whole;
        }

        return Numbers.IsWhole(value) ? Numbers.Whole(value)
            : ToFloat(value) is double real && double.IsFinite(real) && Math.Abs(real) < 9.2e18 ? (long)real
            : call.Value(0, 0L);
    }

    private static long? ParseWhole(string text, long numberBase)
    {
        var digits = PythonSpace.Trim(text).Replace("_", "", StringComparison.Ordinal);
        if (numberBase == 10)
        {
            return long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : null;
        }

        var negative = digits.StartsWith('-');
        digits = digits.TrimStart('-', '+').ToLowerInvariant();
        var prefix = numberBase switch { 2 => "0b", 8 => "0o", 16 => "0x", _ => "?" };
        digits = digits.StartsWith(prefix, StringComparison.Ordinal) ? digits[2..] : digits;
        var total = 0L;
        foreach (var digit in digits)
        {
            var place = char.IsAsciiLetterOrDigit(digit) ? (char.IsAsciiDigit(digit) ? digit - '0' : digit - 'a' + 10) : 99;
            if (place >= numberBase || total > long.MaxValue / 64)
            {
                return null;
            }

            total = (total * numberBase) + place;
        }

        return digits.Length == 0 ? null : negative ? -total : total;
    }

    private static object? ToFloat(object? value)
    {
        if (Numbers.Is(value))
        {
            return Numbers.Real(value);
        }

        var text = PythonSpace.Trim(Ordering.AsText(value) ?? "?").Replace("_", "", StringComparison.Ordinal).ToLowerInvariant();
        return text.TrimStart('+', '-') switch
        {
            "nan" => double.NaN,
            "inf" or "infinity" => text[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity,
            _ => double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var real)
                ? real
                : null,
        };
    }

    private static object Round(Invocation call)
    {
        var (value, places) = (Defined(call), (int)Math.Clamp(call.Whole(0, 0), -400, 400));
        if (!Numbers.Is(value))
        {
            throw call.Wrong($"needs a number, not {Describe.Kind(value)}");
        }

        var method = call.Text(1, "common");
        if (method == "common")
        {
            return value is double real ? (object)RealText.Round(real, places) : places >= 0 ? Numbers.Whole(value) : (long)RealText.Round(Numbers.Whole(value), places);
        }

        var unit = Math.Pow(10, places);
        return method switch
        {
            "ceil" => Math.Ceiling(Numbers.Real(value) * unit) / unit,
            "floor" => Math.Floor(Numbers.Real(value) * unit) / unit,
            _ => throw call.Wrong("knows the methods common, ceil and floor"),
        };
    }

    private static object? Sum(Invocation call)
    {
        var total = call.Value(1, 0L);
        foreach (var item in Truth.Items(call.Self))
        {
            total = Operators.Apply("+", total, Getter.Of(call.Value(0, null))(item));
            call.Evaluator.Limits.Charge(Weights.Shallow(total));
        }

        return total;
    }
}
