using System.Text;

namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>What a step of a tokenizer.json looks for: {"String": ...}, taken literally, or {"Regex": ...}. An empty one matches everywhere.</summary>
internal sealed class TextPattern
{
    private readonly string? _literal;
    private readonly UnicodeRegex? _regex;

    private TextPattern(string? literal, UnicodeRegex? regex) => (_literal, _regex) = (literal, regex);

    public static TextPattern Literal(string text) => new(text, null);

    public static TextPattern Regex(UnicodeRegex regex) => new(null, regex);

    public static TextPattern Read(TokenizerSection section, string key)
    {
        var pattern = section.Section(key);
        var read = pattern.Has("Regex")
            ? Regex(UnicodeRegex.Create(pattern.Text("Regex"), pattern.Where))
            : pattern.Text("String") is { Length: > 0 } literal ? Literal(literal) : Regex(UnicodeRegex.Own(""));
        pattern.Done();
        return read;
    }

    public void Find(ReadOnlySpan<char> text, List<(int Start, int Length)> matches)
    {
        if (_regex is not null)
        {
            _regex.Find(text, matches);
            return;
        }

        for (int at = 0, found; (found = text[at..].IndexOf(_literal!, StringComparison.Ordinal)) >= 0; at += found + _literal!.Length)
        {
            matches.Add((at + found, _literal!.Length));
        }
    }

    /// <summary>A function that puts <paramref name="content"/> in place of every match.</summary>
    public Normalizer Replacing(string content)
    {
        if (_literal is not null)
        {
            return text => text.Replace(_literal, content, StringComparison.Ordinal);
        }

        return text =>
        {
            var (matches, result, at) = (new List<(int Start, int Length)>(), new StringBuilder(), 0);
            Find(text, matches);
            foreach (var (start, length) in matches)
            {
                result.Append(text, at, start - at).Append(content);
                at = start + length;
            }

            return result.Append(text, at, text.Length - at).ToString();
        };
    }
}
