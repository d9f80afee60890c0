using System.Text;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>Upper and lower case as Python's str has them, where one character becomes one (and the German ß, which becomes two).</summary>
internal static class TextCase
{
    public static string Upper(string text) => text.ToUpperInvariant().Replace("\u00df", "SS", StringComparison.Ordinal);

    public static string Lower(string text) => text.ToLowerInvariant();

    public static string Capitalize(string text) => FirstUpper(text, Lower);

    public static string Title(string text)
    {
        var (result, inWord) = (new StringBuilder(text.Length), false);
        foreach (var rune in text.EnumerateRunes())
        {
            result.Append(inWord ? Lower(rune.ToString()) : FirstUpper(rune.ToString(), rest => rest));
            inWord = Rune.IsLetter(rune);
        }

        return result.ToString();
    }

    public static string Swap(string text) =>
        string.Concat(text.EnumerateRunes().Select(rune => Rune.IsUpper(rune) ? Lower(rune.ToString()) : Upper(rune.ToString())));

    /// <summary>Whether there are letters with case and all are of this one.</summary>
    public static bool IsAll(string text, bool upper) =>
        (upper ? Upper(text) : Lower(text)) == text && (upper ? Lower(text) : Upper(text)) != text;

    /// <summary>The first character upper case (ß as "Ss"), the others as <paramref name="rest"/> makes them.</summary>
    public static string FirstUpper(string text, Func<string, string> rest)
    {
        if (text.Length == 0)
        {
            return text;
        }

        var length = Rune.TryGetRuneAt(text, 0, out var first) ? first.Utf16SequenceLength : 1;
        return (text[0] == '\u00df' ? "Ss" : Upper(text[..length])) + rest(text[length..]);
    }
}
