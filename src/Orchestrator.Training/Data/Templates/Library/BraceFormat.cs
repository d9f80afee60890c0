using System.Globalization;
using System.Text;
using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>"...".format(...): {}, {0}, {name}, {name.attribute[key]!r:spec}, {{ and }}.</summary>
internal static class BraceFormat
{
    public static string Format(string format, Arguments arguments)
    {
        var (text, next) = (new StringBuilder(), 0);
        for (var at = 0; at < format.Length; at++)
        {
            var symbol = format[at];
            if (symbol is '{' or '}' && at + 1 < format.Length && format[at + 1] == symbol)
            {
                text.Append(symbol);
                at++;
            }
            else if (symbol == '{')
            {
                var end = FieldEnd(format, at);
                text.Append(Field(format[(at + 1)..end], arguments, ref next));
                at = end;
            }
            else
            {
                text.Append(symbol == '}' ? throw new TemplateError("a format holds a single '}'.") : symbol);
            }

            Limits.CheckText(text.Length);
        }

        return text.ToString();
    }

    private static int FieldEnd(string format, int start)
    {
        var depth = 0;
        for (var at = start; at < format.Length; at++)
        {
            depth += format[at] switch { '{' => 1, '}' => -1, _ => 0 };
            if (depth == 0)
            {
                return at;
            }
        }

        throw new TemplateError("a format's '{' has no '}'.");
    }

    private static string Field(string field, Arguments arguments, ref int next)
    {
        var specStart = field.IndexOf(':');
        var (name, spec) = specStart < 0 ? (field, "") : (field[..specStart], field[(specStart + 1)..]);
        var conversion = name.Length >= 2 && name[^2] == '!' ? name[^1] : '\0';
        var value = Find(conversion == '\0' ? name : name[..^2], arguments, ref next);
        if (spec.Contains('{'))
        {
            var open = spec.IndexOf('{');
            var close = FieldEnd(spec, open);
            spec = spec[..open] + Field(spec[(open + 1)..close], arguments, ref next) + spec[(close + 1)..];
        }

        value = conversion switch
        {
            '\0' => value,
            's' => PythonText.Str(value),
            'r' or 'a' => PythonText.Repr(value),
            _ => throw new TemplateError($"a format's conversion '!{conversion}' is unknown."),
        };
        return spec.Length == 0 ? PythonText.Str(value) : FormatSpec.Parse(spec).Apply(value);
    }

    private static object? Find(string path, Arguments arguments, ref int next)
    {
        var end = path.AsSpan().IndexOfAny('.', '[');
        var name = end < 0 ? path : path[..end];
        var place = name.Length == 0 ? next++ : int.TryParse(name, CultureInfo.InvariantCulture, out var number) ? number : -1;
        var value = place >= 0
            ? (place < arguments.Positional.Count ? arguments.Positional[place] : throw new TemplateError($"a format needs argument {place}, which is not given."))
            : arguments.Named.Any(argument => argument.Key == name)
                ? arguments.Named.First(argument => argument.Key == name).Value
                : throw new TemplateError($"a format needs the argument '{name}', which is not given.");
        return end < 0 ? value : Follow(value, path[end..]);
    }

    private static object? Follow(object? value, string path)
    {
        while (path.Length > 0)
        {
            var isItem = path[0] == '[';
            var end = isItem ? path.IndexOf(']') : path.AsSpan(1).IndexOfAny('.', '[') + 1;
            if (isItem && end < 0)
            {
                throw new TemplateError("a format's '[' has no ']'.");
            }

            var name = path[1..(end > 0 ? end : path.Length)];
            value = isItem ? Attributes.Item(value, long.TryParse(name, CultureInfo.InvariantCulture, out var place) ? place : name) : Attributes.Attribute(value, name);
            path = end > 0 ? path[(end + (isItem ? 1 : 0))..] : "";
        }

        return value;
    }
}
