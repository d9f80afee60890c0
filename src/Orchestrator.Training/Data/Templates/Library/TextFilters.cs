using System.Text.RegularExpressions;
using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>Filters that give text.</summary>
internal static partial class TextFilters
{
    public static readonly Dictionary<string, Builtin> All = new(StringComparer.Ordinal)
    {
        ["capitalize"] = new("", call => Kept(call, TextCase.Capitalize(call.SelfText))),
        ["center"] = new("width", call => Kept(call, StringMethods.Pad(call.SelfText, call.Whole(0, 80), " ", left: 0.5))),
        ["escape e"] = new("", call => call.Self is Markup ? call.Self : new Markup(Markup.Escape(call.SelfText))),
        ["forceescape"] = new("", call => new Markup(Markup.Escape(call.SelfText))),
        ["format"] = new("*", Format),
        ["indent"] = new("width first blank", Indent),
        ["lower"] = new("", call => Kept(call, TextCase.Lower(call.SelfText))),
        ["replace"] = new("old new count", Replace),
        ["safe"] = new("", call => new Markup(call.SelfText)),
        ["string"] = new("", call => call.Self is Markup ? call.Self : call.SelfText),
        ["title"] = new("", call => Kept(call, string.Concat(WordStarts().Split(call.SelfText).Select(word => TextCase.FirstUpper(word, TextCase.Lower))))),
        ["trim"] = new("chars", call => Kept(call, StringMethods.Strip(call.SelfText, call.TextOrNone(0), start: true, end: true))),
        ["truncate"] = new("length killwords end leeway", Truncate),
        ["upper"] = new("", call => Kept(call, TextCase.Upper(call.SelfText))),
        ["urlencode"] = new("", call => Uri.EscapeDataString(call.SelfText).Replace("%2F", "/", StringComparison.Ordinal)),
        ["wordcount"] = new("", call => (long)Words().Count(call.SelfText)),
    };

    private static object Kept(Invocation call, string text) => call.Self is Markup ? new Markup(text) : text;

    private static object Format(Invocation call)
    {
        var (positional, named) = (call.Arguments.Positional, call.Arguments.Named);
        return positional.Count > 0 && named.Count > 0
            ? throw call.Wrong("takes positional or named arguments, not both")
            : Operators.Apply("%", call.SelfText, named.Count > 0 ? DictValue.OfNames(named) : new TupleValue([.. positional]))!;
    }

    private static string Replace(Invocation call)
    {
        var most = call.Value(2, null) is null ? -1 : call.Whole(2);
        return TextSearch.Replace(call.SelfText, PythonText.Str(call.Value(0)), PythonText.Str(call.Value(1)), most);
    }

    private static object Indent(Invocation call)
    {
        var width = call.Value(0, 4L);
        var indent = Ordering.AsText(width) ?? new string(' ', (int)Math.Clamp(call.Whole(0, 4), 0, Limits.LongestText));
        string[] lines = [.. TextSplit.Lines(call.SelfText + "\n", keepEnds: false)];
        Limits.CheckText(call.SelfText.Length + ((long)lines.Length * indent.Length));
        var blank = call.Flag(2, false);
        var text = string.Join('\n', lines.Select((line, place) => place > 0 && (blank || line.Length > 0) ? indent + line : line));
        return Kept(call, call.Flag(1, false) ? indent + text : text);
    }

    private static object Truncate(Invocation call)
    {
        var (text, length, end) = (call.SelfText, call.Whole(0, 255), call.Text(2, "..."));
        if (CodePoints.Count(text) <= length + call.Whole(3, 5))
        {
            return call.Self!;
        }

        var cut = (string)Operators.Slice(text, null, length - CodePoints.Count(end), null)!;
        cut = call.Flag(1, false) ? cut : (string)TextSplit.FromEnd(cut, " ", 1).Items[0]!;
        return Kept(call, cut + end);
    }

    [GeneratedRegex(@"([-\s({\[<]+)")]
    private static partial Regex WordStarts();

    [GeneratedRegex(@"\w+")]
    private static partial Regex Words();
}
