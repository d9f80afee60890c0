namespace Orchestrator.Training.Data.Templates.Values;

/// <summary>Python's arithmetic on bool, int (64 bits here; an overflow is an error) and float.</summary>
internal static class Numbers
{
    public static bool Is(object? value) => value is bool or long or double;

    public static bool IsWhole(object? value) => value is bool or long;

    public static long Whole(object? value) => value is bool flag ? (flag ? 1 : 0) : (long)value!;

    public static double Real(object? value) => value is double real ? real : Whole(value);

    public static int Compare(object? left, object? right)
    {
        if (IsWhole(left) && IsWhole(right))
        {
            return Whole(left).CompareTo(Whole(right));
        }

        var (a, b) = (Real(left), Real(right));
        return a < b ? -1 : a == b ? 0 : 1;
    }

    public static object Apply(string operation, object? left, object? right)
    {
        try
        {
            return IsWhole(left) && IsWhole(right) ? OnWhole(operation, Whole(left), Whole(right)) : OnReal(operation, Real(left), Real(right));
        }
        catch (OverflowException)
        {
            throw new TemplateError($"{PythonText.Repr(left)} {operation} {PythonText.Repr(right)} is larger than 64 bits hold.");
        }
    }

    public static object Negate(object? value) => value is double real ? (object)-real : checked(-Whole(value));

    private static object OnWhole(string operation, long left, long right) => operation switch
    {
        "+" => (object)checked(left + right),
        "-" => checked(left - right),
        "*" => checked(left * right),
        "/" => right == 0 ? throw DividedByZero() : (double)left / right,
        "//" => right == 0 ? throw DividedByZero() : FloorDivide(left, right),
        "%" => right == 0 ? throw DividedByZero() : right == -1 ? 0L : FloorModulo(left, right),
        _ => right < 0 ? (object)OnReal(operation, left, right) : Power(left, right),
    };

    private static long FloorDivide(long left, long right)
    {
        var quotient = checked(left / right);
        return left % right != 0 && (left < 0) != (right < 0) ? quotient - 1 : quotient;
    }

    private static long FloorModulo(long left, long right)
    {
        var rest = left % right;
        return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest;
    }

    private static long Power(long value, long exponent)
    {
        if (value is 0 or 1 || exponent == 0)
        {
            return exponent == 0 ? 1 : value;
        }

        if (value == -1)
        {
            return exponent % 2 == 0 ? 1 : -1;
        }

        var result = 1L;
        for (var i = 0L; i < exponent; i++)
        {
            result = checked(result * value);
        }

        return result;
    }

    private static double OnReal(string operation, double left, double right) => operation switch
    {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => right == 0 ? throw DividedByZero() : left / right,
        "//" => right == 0 ? throw DividedByZero() : Math.Floor(left / right),
        "%" => right == 0 ? throw DividedByZero() : FloorModulo(left, right),
        _ => left == 0 && right < 0 ? throw DividedByZero() : Math.Pow(left, right),
    };

    private static double FloorModulo(double left, double right)
    {
        var rest = left % right;
        return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest;
    }

    private static TemplateError DividedByZero() => new("division by zero.");
}
