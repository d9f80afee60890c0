using System.Globalization;
using System.Text;
using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>
/// The filter "tojson" as transformers defines it for chat templates: Python's json.dumps, without HTML escapes, and without ASCII escapes
/// unless asked for.
/// </summary>
internal sealed class Json
{
    private readonly StringBuilder _text = new();
    private readonly bool _ascii;
    private readonly bool _sorted;
    private readonly string? _indent;
    private readonly string _betweenItems;
    private readonly string _afterKey;

    private Json(Invocation call)
    {
        _ascii = call.Flag(0, false);
        _indent = call.Value(1, null) switch
        {
            null => null,
            var width when Numbers.IsWhole(width) => new string(' ', Math.Clamp((int)Math.Min(Numbers.Whole(width), 1000), 0, 1000)),
            var text => Ordering.AsText(text) ?? throw call.Wrong("needs an int or a str for 'indent'"),
        };
        (_betweenItems, _afterKey) = call.Value(2, null) switch
        {
            null => (_indent is null ? ", " : ",", ": "),
            SequenceValue { Items: [var items, var keys] } => (PythonText.Str(items), PythonText.Str(keys)),
            _ => throw call.Wrong("needs a pair for 'separators'"),
        };
        _sorted = call.Flag(3, false);
    }

    public static readonly Builtin Filter = new("ensure_ascii indent separators sort_keys", call =>
    {
        var json = new Json(call);
        json.Write(call.Self, 0);
        return json._text.ToString();
    });

    private void Write(object? value, int depth)
    {
        Limits.CheckText(_text.Length);
        switch (value)
        {
            case string or Markup:
                WriteText(PythonText.Str(value));
                break;
            case DictValue dict:
                WriteAll('{', Ordered(dict), '}', depth, WriteEntry);
                break;
            case ListValue or TupleValue:
                WriteAll('[', ((SequenceValue)value).Items, ']', depth, Write);
                break;
            default:
                _text.Append(Scalar(value) ?? throw new TemplateError($"{Describe.Kind(value)} cannot be written as JSON."));
                break;
        }
    }

    private IReadOnlyList<KeyValuePair<object?, object?>> Ordered(DictValue dict) =>
        _sorted ? [.. dict.Entries.Order(Comparer<KeyValuePair<object?, object?>>.Create((a, b) => Ordering.Compare(a.Key, b.Key)))] : [.. dict.Entries];

    private void WriteEntry(KeyValuePair<object?, object?> entry, int depth)
    {
        WriteText(Ordering.AsText(entry.Key) ?? Scalar(entry.Key)!);
        _text.Append(_afterKey);
        Write(entry.Value, depth);
    }

    private void WriteAll<T>(char open, IReadOnlyList<T> items, char close, int depth, Action<T, int> write)
    {
        _text.Append(open);
        for (var i = 0; i < items.Count; i++)
        {
            _text.Append(i > 0 ? _betweenItems : "");
            NewLine(depth + 1);
            write(items[i], depth + 1);
        }

        if (items.Count > 0)
        {
            NewLine(depth);
        }

        _text.Append(close);
    }

    private void NewLine(int depth)
    {
        if (_indent is not null)
        {
            Limits.CheckText(_text.Length + ((long)_indent.Length * depth));
            _text.Append('\n').Append(string.Concat(Enumerable.Repeat(_indent, depth)));
        }
    }

    private static string? Scalar(object? value) => value switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        long number => number.ToString(CultureInfo.InvariantCulture),
        LargeNumber number => number.Digits,
        double.NaN => "NaN",
        double.PositiveInfinity => "Infinity",
        double.NegativeInfinity => "-Infinity",
        double number => PythonText.Float(number),
        _ => null,
    };

    private void WriteText(string text)
    {
        _text.Append('"');
        foreach (var unit in text)
        {
            _ = unit switch
            {
                '"' => _text.Append("\\\""),
                '\\' => _text.Append("\\\\"),
                '\n' => _text.Append("\\n"),
                '\r' => _text.Append("\\r"),
                '\t' => _text.Append("\\t"),
                '\f' => _text.Append("\\f"),
                '\b' => _text.Append("\\b"),
                < ' ' => _text.Append($"\\u{(int)unit:x4}"),
                > '~' when _ascii => _text.Append($"\\u{(int)unit:x4}"),
                _ => _text.Append(unit),
            };
        }

        _text.Append('"');
    }
}
