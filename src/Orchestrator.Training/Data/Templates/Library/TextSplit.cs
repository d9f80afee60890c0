using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>str.split, rsplit, partition and splitlines.</summary>
internal static class TextSplit
{
    public static ListValue FromStart(string text, string? separator, long most)
    {
        var (parts, at) = (new List<object?>(), 0);
        most = most < 0 ? long.MaxValue : most;
        if (separator is null)
        {
            return Words(text, most);
        }

        Require(separator);
        while (parts.Count < most && text.IndexOf(separator, at, StringComparison.Ordinal) is var found && found >= 0)
        {
            parts.Add(text[at..found]);
            at = found + separator.Length;
        }

        parts.Add(text[at..]);
        return new ListValue(parts);
    }

    public static ListValue FromEnd(string text, string? separator, long most)
    {
        var (parts, end) = (new List<object?>(), text.Length);
        most = most < 0 ? long.MaxValue : most;
        if (separator is null)
        {
            return WordsFromEnd(text, most);
        }

        Require(separator);
        while (parts.Count < most && text.AsSpan(0, end).LastIndexOf(separator, StringComparison.Ordinal) is var found && found >= 0)
        {
            parts.Add(text[(found + separator.Length)..end]);
            end = found;
        }

        parts.Add(text[..end]);
        parts.Reverse();
        return new ListValue(parts);
    }

    public static object Partition(Invocation call, bool fromEnd)
    {
        var (text, separator) = (call.SelfText, call.Text(0));
        Require(separator);
        var found = fromEnd ? text.LastIndexOf(separator, StringComparison.Ordinal) : text.IndexOf(separator, StringComparison.Ordinal);
        return new TupleValue(found >= 0
            ? [text[..found], separator, text[(found + separator.Length)..]]
            : fromEnd ? ["", "", text] : [text, "", ""]);
    }

    public static IEnumerable<string> Lines(string text, bool keepEnds)
    {
        for (var at = 0; at < text.Length;)
        {
            var end = at;
            while (end < text.Length && !IsLineEnd(text[end]))
            {
                end++;
            }

            var next = end >= text.Length ? end : end + (text[end] == '\r' && end + 1 < text.Length && text[end + 1] == '\n' ? 2 : 1);
            yield return text[at..(keepEnds ? next : end)];
            at = next;
        }
    }

    private static bool IsLineEnd(char value) => value is '\n' or '\r' or '\v' or '\f' or '\x1c' or '\x1d' or '\x1e' or '\x85' or '\u2028' or '\u2029';

    private static ListValue Words(string text, long most)
    {
        var (parts, at) = (new List<object?>(), SkipSpace(text, 0));
        while (at < text.Length && parts.Count < most)
        {
            var start = at;
            while (at < text.Length && !PythonSpace.Is(text[at]))
            {
                at++;
            }

            parts.Add(text[start..at]);
            at = SkipSpace(text, at);
        }

        return new ListValue(at < text.Length ? [.. parts, text[at..]] : parts);
    }

    private static ListValue WordsFromEnd(string text, long most)
    {
        var (parts, at) = (new List<object?>(), SkipSpaceBack(text, text.Length));
        while (at > 0 && parts.Count < most)
        {
            var end = at;
            while (at > 0 && !PythonSpace.Is(text[at - 1]))
            {
                at--;
            }

            parts.Add(text[at..end]);
            at = SkipSpaceBack(text, at);
        }

        parts.AddRange(at > 0 ? [text[..at]] : []);
        parts.Reverse();
        return new ListValue(parts);
    }

    private static int SkipSpace(string text, int at)
    {
        while (at < text.Length && PythonSpace.Is(text[at]))
        {
            at++;
        }

        return at;
    }

    private static int SkipSpaceBack(string text, int at)
    {
        while (at > 0 && PythonSpace.Is(text[at - 1]))
        {
            at--;
        }

        return at;
    }

    private static void Require(string separator)
    {
        if (separator.Length == 0)
        {
            throw new TemplateError("a separator to split at is empty.");
        }
    }
}
