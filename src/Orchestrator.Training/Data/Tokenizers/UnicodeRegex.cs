using System.Collections.Concurrent;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>
/// A tokenizer file's regular expression, matched code point by code point. .NET matches UTF-16 units, so a character beyond U+FFFF would be
/// two surrogates, which are neither letters nor numbers; each one is therefore matched through a rare two-byte character of its category.
/// A construct that .NET reads in another way than the libraries these files were written for is refused by name.
/// </summary>
internal sealed partial class UnicodeRegex
{
    private static readonly ConcurrentDictionary<string, UnicodeRegex> Known = new(StringComparer.Ordinal);

    // (construct, why it is refused): silently different in .NET, or unknown to it.
    private static readonly (string Construct, string Why)[] Refused =
    [
        ("&&", "an intersection of character classes"), ("[[:", "a POSIX class"), ("-[", "a class subtraction in .NET"),
        ("\\w", "\"word\" differs between libraries"), ("\\W", "\"word\" differs between libraries"),
        ("\\b", "a word boundary differs between libraries"), ("\\B", "a word boundary differs between libraries"),
    ];

    // Stand-ins by category; none lies in a script that published patterns name.
    private static readonly Dictionary<UnicodeCategory, char> StandIns = new()
    {
        [UnicodeCategory.UppercaseLetter] = '\uA722',
        [UnicodeCategory.LowercaseLetter] = '\uA723',
        [UnicodeCategory.TitlecaseLetter] = '\u1F88',
        [UnicodeCategory.ModifierLetter] = '\uA60C',
        [UnicodeCategory.OtherLetter] = '\uA502',
        [UnicodeCategory.NonSpacingMark] = '\uA6F0',
        [UnicodeCategory.SpacingCombiningMark] = '\uA823',
        [UnicodeCategory.EnclosingMark] = '\uA670',
        [UnicodeCategory.DecimalDigitNumber] = '\uA620',
        [UnicodeCategory.LetterNumber] = '\uA6E6',
        [UnicodeCategory.OtherNumber] = '\uA830',
        [UnicodeCategory.ConnectorPunctuation] = '\uFE33',
        [UnicodeCategory.DashPunctuation] = '\u2E3A',
        [UnicodeCategory.OpenPunctuation] = '\u2E28',
        [UnicodeCategory.ClosePunctuation] = '\u2E29',
        [UnicodeCategory.InitialQuotePunctuation] = '\u2E20',
        [UnicodeCategory.FinalQuotePunctuation] = '\u2E21',
        [UnicodeCategory.OtherPunctuation] = '\uA60D',
        [UnicodeCategory.MathSymbol] = '\u2A00',
        [UnicodeCategory.CurrencySymbol] = '\uA838',
        [UnicodeCategory.ModifierSymbol] = '\uA700',
        [UnicodeCategory.OtherSymbol] = '\uA828',
        [UnicodeCategory.Format] = '\u2061',
        [UnicodeCategory.PrivateUse] = '\uE0FF',
        [UnicodeCategory.OtherNotAssigned] = '\u2FE0',
    };

    private readonly Regex _regex;

    private UnicodeRegex(Regex regex) => _regex = regex;

    /// <summary>GPT-2's pattern, which ByteLevel uses by itself.</summary>
    public static UnicodeRegex Gpt2 { get; } = new(Gpt2Pattern());

    public static UnicodeRegex Create(string pattern, string where) => Known.TryGetValue(pattern, out var known)
        ? known
        : Known.GetOrAdd(pattern, new UnicodeRegex(Compile(pattern, where)));

    /// <summary>A pattern of this program's own, beyond the checks a file's pattern must pass.</summary>
    public static UnicodeRegex Own(string pattern) => Known.GetOrAdd(pattern, p => new UnicodeRegex(new Regex(p, RegexOptions.CultureInvariant)));

    /// <summary>The matches in <paramref name="text"/>, in order; an empty one only where no match ends. Nothing outside the span is seen.</summary>
    /// <param name="text">No lone surrogates.</param>
    /// <param name="matches">Empty when given.</param>
    public void Find(ReadOnlySpan<char> text, List<(int Start, int Length)> matches)
    {
        if (text.IndexOfAnyInRange('\uD800', '\uDFFF') >= 0)
        {
            FindByStandIns(text, matches);
            return;
        }

        foreach (var match in _regex.EnumerateMatches(text))
        {
            Add(match.Index, match.Length, matches);
        }
    }

    private void FindByStandIns(ReadOnlySpan<char> text, List<(int Start, int Length)> matches)
    {
        var (characters, starts, count) = (new char[text.Length], new int[text.Length + 1], 0);
        for (var at = 0; at < text.Length; count++)
        {
            starts[count] = at;
            var pair = char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]);
            characters[count] = pair ? StandIn(char.ConvertToUtf32(text[at], text[at + 1])) : text[at];
            at += pair ? 2 : 1;
        }

        starts[count] = text.Length;
        foreach (var match in _regex.EnumerateMatches(characters.AsSpan(0, count)))
        {
            Add(starts[match.Index], starts[match.Index + match.Length] - starts[match.Index], matches);
        }
    }

    private static void Add(int start, int length, List<(int Start, int Length)> matches)
    {
        if (length > 0 || matches.Count == 0 || matches[^1].Start + matches[^1].Length < start)
        {
            matches.Add((start, length));
        }
    }

    private static char StandIn(int point) => StandIns[CharUnicodeInfo.GetUnicodeCategory(point)];

    private static Regex Compile(string pattern, string where)
    {
        foreach (var (construct, why) in Refused.Where(refused => pattern.Contains(refused.Construct, StringComparison.Ordinal)))
        {
            throw new NotSupportedException($"{where}: the pattern {pattern} holds {construct} ({why}), which is not supported.");
        }

        if (pattern.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') >= 0)
        {
            throw new NotSupportedException($"{where}: the pattern {pattern} names characters beyond U+FFFF, which is not supported.");
        }

        var plain = AnyCaseGroup().Replace(pattern, group => $"(?:{string.Concat(group.Groups[1].Value.Select(AnyCase))})");
        if (plain.Contains("(?i", StringComparison.Ordinal))
        {
            throw new NotSupportedException($"{where}: the pattern {pattern} ignores case in something other than plain letters, which is not supported.");
        }

        try
        {
            // Multiline because ^ and $ mean lines in the library these patterns were written for.
            return new Regex(plain, RegexOptions.Compiled | RegexOptions.CultureInvariant | RegexOptions.Multiline);
        }
        catch (ArgumentException error)
        {
            throw new NotSupportedException($"{where}: the pattern {pattern} is not supported: {error.Message}");
        }
    }

    // The long s and the Kelvin sign fold to s and k; .NET would leave the long s out.
    private static string AnyCase(char character) => char.ToLowerInvariant(character) switch
    {
        's' => "[sS\u017F]",
        'k' => "[kK\u212A]",
        >= 'a' and <= 'z' and var letter => $"[{letter}{char.ToUpperInvariant(letter)}]",
        _ => character.ToString(),
    };

    [GeneratedRegex(@"\(\?i:([A-Za-z'|]*)\)", RegexOptions.CultureInvariant)]
    private static partial Regex AnyCaseGroup();

    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Gpt2Pattern();
}
