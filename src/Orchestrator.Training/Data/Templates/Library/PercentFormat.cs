using System.Text;
using System.Text.RegularExpressions;
using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>"..." % values: %s %r %d %i %f %e %g %x %o %c %% with flags, width, precision and %(key)s.</summary>
internal static partial class PercentFormat
{
    public static object Format(object? format, object? values)
    {
        var (text, at, next) = (PythonText.Str(format), 0, 0);
        var isMarkup = format is Markup;
        IReadOnlyList<object?> given = values is TupleValue tuple ? tuple.Items : [values];
        var (result, byName) = (new StringBuilder(), false);
        foreach (Match match in Directive().Matches(text))
        {
            result.Append(text, at, match.Index - at);
            at = match.Index + match.Length;
            var kind = match.Groups["kind"].Value;
            if (kind == "%")
            {
                result.Append('%');
                continue;
            }

            if (kind.Length == 0)
            {
                throw new TemplateError($"'{match.Value}' is no format that is understood.");
            }

            var isNamed = match.Groups["key"].Success;
            byName |= isNamed;
            var value = isNamed ? Named(values, match.Groups["key"].Value)
                : next < given.Count ? given[next++]
                : throw new TemplateError("a format has more places than values are given.");
            var written = One(match, kind[0], value);
            result.Append(isMarkup && value is not Markup && !Numbers.Is(value) ? Markup.Escape(written) : written);
            Limits.CheckText(result.Length);
        }

        if (next < given.Count && !byName && values is not (DictValue or ListValue))
        {
            throw new TemplateError("a format has fewer places than values are given.");
        }

        result.Append(text, at, text.Length - at);
        return isMarkup ? new Markup(result.ToString()) : result.ToString();
    }

    private static object? Named(object? values, string key) =>
        values is not DictValue dict ? throw new TemplateError("a format with names needs a dict.")
        : dict.TryGet(key, out var value) ? value
        : throw new TemplateError($"a format needs the key '{key}', which is not given.");

    private static string One(Match match, char kind, object? value)
    {
        var flags = match.Groups["flags"].Value;
        var isText = kind is 's' or 'r' or 'a' or 'c';
        var isWhole = kind is 'd' or 'i' or 'u' or 'x' or 'X' or 'o';
        if (!isText && !Numbers.Is(value))
        {
            throw value is Undefined undefined ? undefined.Failure() : new TemplateError($"%{kind} needs a number, not {Describe.Kind(value)}.");
        }

        object? shown = kind switch
        {
            's' => PythonText.Str(value),
            'r' or 'a' => PythonText.Repr(value),
            'c' => Ordering.AsText(value) ?? char.ConvertFromUtf32((int)Numbers.Whole(value)),
            _ when isWhole => value is double real ? checked((long)real) : Numbers.Whole(value),
            _ => Numbers.Real(value),
        };
        var zero = flags.Contains('0') && !flags.Contains('-') && !isText;
        var spec = new StringBuilder(flags.Contains('-') ? "<" : zero ? "0=" : ">");
        spec.Append(isText ? "" : flags.Contains('+') ? "+" : flags.Contains(' ') ? " " : "");
        spec.Append(flags.Contains('#') && isWhole ? "#" : "").Append(match.Groups["width"].Value.TrimStart('0'));
        spec.Append(match.Groups["precision"].Success && !isWhole ? "." + match.Groups["precision"].Value.PadLeft(1, '0') : "");
        spec.Append(isText ? 's' : kind is 'i' or 'u' ? 'd' : kind);
        return FormatSpec.Parse(spec.ToString()).Apply(shown);
    }

    [GeneratedRegex(@"%(?:\((?<key>[^)]*)\))?(?<flags>[-+ #0]*)(?<width>[0-9]*)(?:\.(?<precision>[0-9]*))?[hlL]?(?<kind>[diouxXeEfFgGcrsa%]?)")]
    private static partial Regex Directive();
}
