using System.Globalization;
using System.Text;
using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>The methods of Python's str.</summary>
internal static class StringMethods
{
    public static readonly Dictionary<string, Builtin> All = new(StringComparer.Ordinal)
    {
        ["capitalize"] = new("", call => TextCase.Capitalize(call.SelfText)),
        ["casefold"] = new("", call => TextCase.Lower(call.SelfText).Replace("\u00df", "ss", StringComparison.Ordinal)),
        ["center"] = new("width fillchar", call => Pad(call, left: 0.5)),
        ["count"] = new("sub start end", TextSearch.Count),
        ["endswith"] = new("suffix start end", call => TextSearch.Affix(call, atEnd: true)),
        ["expandtabs"] = new("tabsize", ExpandTabs),
        ["find"] = new("sub start end", call => TextSearch.Find(call, fromEnd: false)),
        ["format"] = new("*", call => BraceFormat.Format(call.SelfText, call.Arguments)),
        ["index"] = new("sub start end", call => TextSearch.Index(call, fromEnd: false)),
        ["isalnum"] = new("", call => Every(call, rune => Rune.IsLetterOrDigit(rune) || Rune.IsNumber(rune))),
        ["isalpha"] = new("", call => Every(call, Rune.IsLetter)),
        ["isascii"] = new("", call => Ascii.IsValid(call.SelfText)),
        ["isdecimal"] = new("", call => Every(call, Rune.IsDigit)),
        ["isdigit"] = new("", call => Every(call, rune => Rune.IsDigit(rune) || CharUnicodeInfo.GetDigitValue(rune.ToString(), 0) >= 0)),
        ["isnumeric"] = new("", call => Every(call, Rune.IsNumber)),
        ["islower"] = new("", call => TextCase.IsAll(call.SelfText, upper: false)),
        ["isspace"] = new("", call => call.SelfText.Length > 0 && PythonSpace.IsAll(call.SelfText)),
        ["istitle"] = new("", call => TextCase.Title(call.SelfText) == call.SelfText && call.SelfText.Any(char.IsLetter)),
        ["isupper"] = new("", call => TextCase.IsAll(call.SelfText, upper: true)),
        ["join"] = new("iterable", Join),
        ["ljust"] = new("width fillchar", call => Pad(call, left: 0)),
        ["lower"] = new("", call => TextCase.Lower(call.SelfText)),
        ["lstrip"] = new("chars", call => Strip(call.SelfText, call.TextOrNone(0), start: true, end: false)),
        ["partition"] = new("sep", call => TextSplit.Partition(call, fromEnd: false)),
        ["removeprefix"] = new("prefix", call => call.SelfText.StartsWith(call.Text(0), StringComparison.Ordinal) ? call.SelfText[call.Text(0).Length..] : call.SelfText),
        ["removesuffix"] = new("suffix", call => call.SelfText.EndsWith(call.Text(0), StringComparison.Ordinal) ? call.SelfText[..^call.Text(0).Length] : call.SelfText),
        ["replace"] = new("old new count", call => TextSearch.Replace(call.SelfText, call.Text(0), call.Text(1), call.Whole(2, -1))),
        ["rfind"] = new("sub start end", call => TextSearch.Find(call, fromEnd: true)),
        ["rindex"] = new("sub start end", call => TextSearch.Index(call, fromEnd: true)),
        ["rjust"] = new("width fillchar", call => Pad(call, left: 1)),
        ["rpartition"] = new("sep", call => TextSplit.Partition(call, fromEnd: true)),
        ["rsplit"] = new("sep maxsplit", call => TextSplit.FromEnd(call.SelfText, call.TextOrNone(0), call.Whole(1, -1))),
        ["rstrip"] = new("chars", call => Strip(call.SelfText, call.TextOrNone(0), start: false, end: true)),
        ["split"] = new("sep maxsplit", call => TextSplit.FromStart(call.SelfText, call.TextOrNone(0), call.Whole(1, -1))),
        ["splitlines"] = new("keepends", call => new ListValue([.. TextSplit.Lines(call.SelfText, call.Flag(0, false))])),
        ["startswith"] = new("prefix start end", call => TextSearch.Affix(call, atEnd: false)),
        ["strip"] = new("chars", call => Strip(call.SelfText, call.TextOrNone(0), start: true, end: true)),
        ["swapcase"] = new("", call => TextCase.Swap(call.SelfText)),
        ["title"] = new("", call => TextCase.Title(call.SelfText)),
        ["upper"] = new("", call => TextCase.Upper(call.SelfText)),
        ["zfill"] = new("width", ZeroFill),
    };

    /// <param name="characters">Those to strip; null for whitespace.</param>
    public static string Strip(string text, string? characters, bool start, bool end)
    {
        if (characters is null)
        {
            text = start ? PythonSpace.TrimStart(text) : text;
            return end ? PythonSpace.TrimEnd(text) : text;
        }

        var stripped = CodePoints.Split(characters).ToHashSet();
        var held = CodePoints.Split(text);
        var (first, last) = (0, held.Count);
        while (start && first < last && stripped.Contains(held[first]))
        {
            first++;
        }

        while (end && last > first && stripped.Contains(held[last - 1]))
        {
            last--;
        }

        return string.Concat(held.Skip(first).Take(last - first));
    }

    /// <param name="left">The share of the padding that goes before the text.</param>
    public static string Pad(string text, long width, string fill, double left)
    {
        Limits.CheckText(width);
        var missing = (int)Math.Max(0, width - CodePoints.Count(text));
        var before = left == 0.5 ? (missing / 2) + (missing & (int)width & 1) : (int)(missing * left);
        return Repeat(fill, before) + text + Repeat(fill, missing - before);
    }

    private static string Repeat(string fill, int times) => string.Concat(Enumerable.Repeat(fill, times));

    private static string Pad(Invocation call, double left)
    {
        var fill = call.Text(1, " ");
        return CodePoints.Count(fill) == 1 ? Pad(call.SelfText, call.Whole(0), fill, left) : throw call.Wrong("needs one character to fill up with");
    }

    private static string ZeroFill(Invocation call)
    {
        var text = call.SelfText;
        var sign = text.Length > 0 && text[0] is '+' or '-' ? text[..1] : "";
        return sign + Pad(text[sign.Length..], Math.Max(0, call.Whole(0) - sign.Length), "0", left: 1);
    }

    private static string Join(Invocation call)
    {
        var parts = new List<string>();
        var length = 0L;
        foreach (var item in Truth.Items(call.Value(0)))
        {
            parts.Add(Ordering.AsText(item) ?? throw call.Wrong($"joins strings only, and item {parts.Count} is {Describe.Kind(item)}"));
            length += parts[^1].Length + call.SelfText.Length;
            Limits.CheckText(length - call.SelfText.Length);
        }

        return string.Join(call.SelfText, parts);
    }

    private static bool Every(Invocation call, Func<Rune, bool> holds) => call.SelfText.Length > 0 && call.SelfText.EnumerateRunes().All(holds);

    private static string ExpandTabs(Invocation call)
    {
        var (size, column, text) = (call.Whole(0, 8), 0L, new StringBuilder());
        Limits.CheckText(size);
        foreach (var rune in call.SelfText.EnumerateRunes())
        {
            var blanks = rune.Value == '\t' ? (size > 0 ? size - (column % size) : 0) : 0;
            text.Append(rune.Value == '\t' ? new string(' ', (int)blanks) : rune.ToString());
            column = rune.Value is '\n' or '\r' ? 0 : column + (rune.Value == '\t' ? blanks : 1);
            Limits.CheckText(text.Length);
        }

        return text.ToString();
    }
}
