using System.Globalization;
using System.Numerics;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>A finite float that is not negative, to a number of digits: exact, and ties to even, as C's printf writes it.</summary>
internal static class RealText
{
    private const int MostDigits = 1000;

    public static string Fixed(double value, int places)
    {
        var digits = Scaled(value, Check(places)).ToString(CultureInfo.InvariantCulture).PadLeft(places + 1, '0');
        return places == 0 ? digits : digits[..^places] + "." + digits[^places..];
    }

    public static string Scientific(double value, int places)
    {
        var (digits, exponent) = Digits(value, Check(places) + 1);
        var fraction = places > 0 ? "." + digits[1..] : "";
        return $"{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
    }

    /// <param name="keepsPoint">A whole number is written with ".0", and one digit more is needed before the exponent form is left.</param>
    public static string General(double value, int precision, bool keepsPoint)
    {
        precision = Math.Max(1, Check(precision));
        var (digits, exponent) = Digits(value, precision);
        if (exponent < -4 || exponent >= precision - (keepsPoint ? 1 : 0))
        {
            var kept = digits.TrimEnd('0');
            var fraction = kept.Length > 1 ? "." + kept[1..] : "";
            return $"{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }

        var text = Fixed(value, Math.Max(0, precision - 1 - exponent));
        text = text.Contains('.') ? text.TrimEnd('0').TrimEnd('.') : text;
        return keepsPoint && !text.Contains('.') ? text + ".0" : text;
    }

    /// <summary>Python's round(value, places): to the nearest float with so many decimal places, ties (of the exact value) to even.</summary>
    public static double Round(double value, int places)
    {
        if (!double.IsFinite(value) || places > 340)
        {
            return value;
        }

        if (places < 0)
        {
            var unit = Math.Pow(10, Math.Min(-places, 400));
            return double.IsFinite(unit) ? Math.Round(value / unit, MidpointRounding.ToEven) * unit : 0;
        }

        var size = double.Parse(Fixed(Math.Abs(value), places), CultureInfo.InvariantCulture);
        return double.IsNegative(value) ? -size : size;
    }

    private static (string Digits, int Exponent) Digits(double value, int count)
    {
        if (value == 0)
        {
            return (new string('0', count), 0);
        }

        var exponent = (int)Math.Floor(Math.Log10(value));
        for (var tried = exponent + 1; tried >= exponent - 1; tried--)
        {
            var digits = Scaled(value, count - 1 - tried).ToString(CultureInfo.InvariantCulture);
            if (digits.Length >= count && digits != "0")
            {
                return (digits[..count], tried + digits.Length - count);
            }
        }

        return (new string('0', count), exponent);
    }

    // value * 10^places to the nearest integer, exactly.
    private static BigInteger Scaled(double value, int places)
    {
        var bits = BitConverter.DoubleToInt64Bits(value);
        var (exponent, mantissa) = ((int)(bits >> 52) & 0x7FF, bits & 0xFFFFFFFFFFFFF);
        (exponent, mantissa) = exponent == 0 ? (-1074, mantissa) : (exponent - 1075, mantissa | (1L << 52));
        var (top, bottom) = ((BigInteger)mantissa, BigInteger.One);
        (top, bottom) = places >= 0 ? (top * BigInteger.Pow(10, places), bottom) : (top, BigInteger.Pow(10, -places));
        (top, bottom) = exponent >= 0 ? (top << exponent, bottom) : (top, bottom << -exponent);
        var whole = BigInteger.DivRem(top, bottom, out var rest);
        var half = (rest * 2).CompareTo(bottom);
        return half > 0 || (half == 0 && !whole.IsEven) ? whole + 1 : whole;
    }

    private static int Check(int places) =>
        places <= MostDigits ? places : throw new TemplateError($"a number cannot be written with more than {MostDigits} digits.");
}
