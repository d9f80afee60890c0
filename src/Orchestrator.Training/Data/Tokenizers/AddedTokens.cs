using System.Buffers;
using System.Globalization;
using System.Text;

namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>A token that is recognised in the text itself, before anything else is done with it.</summary>
/// <param name="SingleWord">Only where no letter, digit or underscore touches it.</param>
/// <param name="TakesSpaceBefore">The white space before it belongs to it ("lstrip").</param>
/// <param name="TakesSpaceAfter">The white space after it belongs to it ("rstrip").</param>
/// <param name="Normalized">Looked for in the normalised text instead of the text as it was given.</param>
/// <param name="Special">Left out where a text is decoded without special tokens.</param>
internal sealed record AddedToken(
    int Id, string Content, bool SingleWord = false, bool TakesSpaceBefore = false, bool TakesSpaceAfter = false, bool Normalized = false, bool Special = true)
{
    public static AddedToken Read(TokenizerSection section) => Read(section, section.Number("id"));

    public static AddedToken Read(TokenizerSection section, int id)
    {
        var content = section.Text("content");
        var special = section.Flag("special", false);
        var token = new AddedToken(
            id, content, section.Flag("single_word", false), section.Flag("lstrip", false), section.Flag("rstrip", false),
            section.Flag("normalized", !special), special);
        section.Done();
        return content.Length > 0 ? token : throw section.Wrong("content", "a text that is not empty");
    }
}

/// <summary>Finds added tokens in a text: the leftmost first, of several at one place the longest.</summary>
internal sealed class AddedTokens
{
    private readonly SearchValues<string>? _contents;
    private readonly Dictionary<char, (string Content, AddedToken Token)[]> _byFirst;

    /// <param name="tokens">Each with the text to look for.</param>
    public AddedTokens(IEnumerable<(string Content, AddedToken Token)> tokens)
    {
        _byFirst = tokens.Where(t => t.Content.Length > 0).GroupBy(t => t.Content[0])
            .ToDictionary(group => group.Key, group => group.OrderByDescending(t => t.Content.Length).ToArray());
        string[] contents = [.. _byFirst.Values.SelectMany(group => group.Select(t => t.Content))];
        _contents = contents.Length == 0 ? null : SearchValues.Create(contents, StringComparison.Ordinal);
    }

    /// <summary>The parts of a text in order: an added token's id, or null for the text between two of them. No part is empty.</summary>
    public List<(int? Id, int Start, int Length)> Split(ReadOnlySpan<char> text)
    {
        var (parts, at, from) = (new List<(int? Id, int Start, int Length)>(), 0, 0);
        while (_contents is not null && from < text.Length && text[from..].IndexOfAny(_contents) is >= 0 and var found)
        {
            var (content, token) = LongestAt(text, from + found);
            var (start, stop) = (from + found, from + found + content.Length);
            from = stop;
            if (token.SingleWord && (EndsInWord(text[..start]) || BeginsWithWord(text[stop..])))
            {
                continue;
            }

            start = token.TakesSpaceBefore ? Math.Max(text[..start].TrimEnd().Length, at) : start;
            stop = token.TakesSpaceAfter ? text.Length - text[stop..].TrimStart().Length : stop;
            if (start > at)
            {
                parts.Add((null, at, start - at));
            }

            parts.Add((token.Id, start, stop - start));
            at = stop;
        }

        if (at < text.Length)
        {
            parts.Add((null, at, text.Length - at));
        }

        return parts;
    }

    private (string Content, AddedToken Token) LongestAt(ReadOnlySpan<char> text, int at)
    {
        foreach (var candidate in _byFirst[text[at]])
        {
            if (text[at..].StartsWith(candidate.Content, StringComparison.Ordinal))
            {
                return candidate;
            }
        }

        throw new InvalidOperationException("The search found an added token that is none.");
    }

    private static bool EndsInWord(ReadOnlySpan<char> text) => Rune.DecodeLastFromUtf16(text, out var last, out _) == OperationStatus.Done && IsWord(last);

    private static bool BeginsWithWord(ReadOnlySpan<char> text) => Rune.DecodeFromUtf16(text, out var first, out _) == OperationStatus.Done && IsWord(first);

    private static bool IsWord(Rune rune) => Rune.IsLetter(rune) || rune.Value is 0x200C or 0x200D or (>= 0x24B6 and <= 0x24E9) || Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation
        or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;
}
