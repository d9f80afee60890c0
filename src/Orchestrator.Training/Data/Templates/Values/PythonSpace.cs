namespace Orchestrator.Training.Data.Templates.Values;

/// <summary>Whitespace as Python's str sees it: Unicode's, and the four separators U+001C to U+001F.</summary>
internal static class PythonSpace
{
    public static bool Is(char value) => char.IsWhiteSpace(value) || value is >= '\x1c' and <= '\x1f';

    public static bool IsAll(ReadOnlySpan<char> text)
    {
        foreach (var value in text)
        {
            if (!Is(value))
            {
                return false;
            }
        }

        return true;
    }

    public static string Trim(string text) => TrimStart(TrimEnd(text));

    public static string TrimStart(string text)
    {
        var start = 0;
        while (start < text.Length && Is(text[start]))
        {
            start++;
        }

        return text[start..];
    }

    public static string TrimEnd(string text)
    {
        var end = text.Length;
        while (end > 0 && Is(text[end - 1]))
        {
            end--;
        }

        return text[..end];
    }
}
