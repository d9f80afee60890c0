using Orchestrator.Training.Data.Templates.Values;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>str.find, index, count, replace, startswith and endswith. Places are counted in characters.</summary>
internal static class TextSearch
{
    public static object Find(Invocation call, bool fromEnd)
    {
        var (text, offset, valid) = Window(call);
        var found = fromEnd ? text.LastIndexOf(call.Text(0), StringComparison.Ordinal) : text.IndexOf(call.Text(0), StringComparison.Ordinal);
        return found < 0 || !valid ? -1L : offset + CodePoints.FromUnit(text, found);
    }

    public static object Index(Invocation call, bool fromEnd) =>
        Find(call, fromEnd) is var found && found is -1L ? throw call.Wrong($"found no {PythonText.Repr(call.Text(0))} in the text") : found;

    public static object Count(Invocation call)
    {
        var (text, _, valid) = Window(call);
        var sought = call.Text(0);
        return !valid ? 0L : sought.Length == 0 ? CodePoints.Count(text) + 1L : Occurrences(text, sought, long.MaxValue);
    }

    public static object Affix(Invocation call, bool atEnd)
    {
        var (text, _, valid) = Window(call);
        IReadOnlyList<object?> sought = call.Value(0) is TupleValue several ? several.Items : [call.Text(0)];
        return valid && sought.Any(item => Ordering.AsText(item) is { } affix
            && (atEnd ? text.EndsWith(affix, StringComparison.Ordinal) : text.StartsWith(affix, StringComparison.Ordinal)));
    }

    /// <param name="most">How many to replace; negative for all.</param>
    public static string Replace(string text, string old, string replacement, long most)
    {
        most = most < 0 ? long.MaxValue : most;
        if (old.Length == 0)
        {
            return Interleave(text, replacement, most);
        }

        var count = Occurrences(text, old, most);
        Limits.CheckText(text.Length + (count * (replacement.Length - old.Length)));
        if (most >= count && count < text.Length && most == long.MaxValue)
        {
            return text.Replace(old, replacement, StringComparison.Ordinal);
        }

        var (result, at) = (new System.Text.StringBuilder(), 0);
        for (var done = 0L; done < count; done++)
        {
            var found = text.IndexOf(old, at, StringComparison.Ordinal);
            result.Append(text, at, found - at).Append(replacement);
            at = found + old.Length;
        }

        return result.Append(text, at, text.Length - at).ToString();
    }

    private static string Interleave(string text, string replacement, long most)
    {
        var characters = CodePoints.Split(text);
        var count = (int)Math.Min(most, characters.Count + 1L);
        Limits.CheckText(text.Length + ((long)count * replacement.Length));
        var pieces = characters.Select((character, place) => place < count ? replacement + character : (string)character!);
        return string.Concat(pieces) + (count > characters.Count ? replacement : "");
    }

    private static long Occurrences(string text, string sought, long most)
    {
        var count = 0L;
        for (var at = text.IndexOf(sought, StringComparison.Ordinal); at >= 0 && count < most; at = text.IndexOf(sought, at + sought.Length, StringComparison.Ordinal))
        {
            count++;
        }

        return count;
    }

    // The part that the arguments start and end leave; not valid where start lies beyond the text or the end.
    private static (string Text, long Offset, bool Valid) Window(Invocation call)
    {
        var text = call.SelfText;
        if (call.Value(1, null) is null && call.Value(2, null) is null)
        {
            return (text, 0, true);
        }

        var count = CodePoints.Count(text);
        var start = Place(call.Value(1, null) is null ? 0 : call.Whole(1), count);
        var end = Math.Min(count, Place(call.Value(2, null) is null ? count : call.Whole(2), count));
        return start > end ? ("", start, false) : ((string)Operators.Slice(text, start, end, null)!, start, true);
    }

    private static long Place(long given, long count) => given < 0 ? Math.Max(0, given + count) : given;
}
