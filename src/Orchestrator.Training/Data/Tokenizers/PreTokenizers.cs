namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>A part of a text that tokens do not cross.</summary>
/// <param name="Text">Holds the piece.</param>
/// <param name="AtStart">The piece begins where the encoded text begins.</param>
internal readonly record struct Piece(string Text, int Start, int Length, bool AtStart)
{
    public ReadOnlySpan<char> Span => Text.AsSpan(Start, Length);

    public Piece Part(int start, int length) => new(Text, Start + start, length, AtStart && start == 0);

    public Piece With(string text) => new(text, 0, text.Length, AtStart);
}

/// <summary>Cuts one piece into smaller ones, which it appends.</summary>
internal delegate void PreTokenizer(Piece piece, List<Piece> pieces);

/// <summary>The pre-tokenizers a tokenizer.json may name: one row each.</summary>
internal static class PreTokenizers
{
    private const string WordCharacters = @"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u200C\u200D\u24B6-\u24E9";

    private static readonly Dictionary<string, Func<TokenizerSection, IEnumerable<PreTokenizer>>> Known = new(StringComparer.Ordinal)
    {
        ["ByteLevel"] = ByteLevel,
        ["Split"] = section => [Split(TextPattern.Read(section, "pattern"), Behavior(section), section.Flag("invert", false))],
        ["Metaspace"] = Metaspace,
        ["Digits"] = section => [Split(Own(@"\p{N}"), section.Flag("individual_digits", false) ? SplitBehavior.Isolated : SplitBehavior.Contiguous)],
        ["Punctuation"] = section => [Split(Own(@"[\p{P}!-/:-@\[-`{-~]"), Behavior(section, "Isolated"))],
        ["Whitespace"] = _ => [Split(Own($@"[{WordCharacters}]+|[^{WordCharacters}\s]+"), SplitBehavior.Removed, invert: true)],
        ["WhitespaceSplit"] = _ => [Split(Own(@"\s"), SplitBehavior.Removed)],
        ["Sequence"] = section => section.Sections("pretokenizers").SelectMany(Read),
    };

    /// <summary>The steps in order. A ByteLevel step ends in <see cref="ToByteAlphabet"/>.</summary>
    public static IReadOnlyList<PreTokenizer> Read(TokenizerSection section)
    {
        if (!Known.TryGetValue(section.Type, out var build))
        {
            throw section.Unknown("pre-tokenizer", Known.Keys);
        }

        PreTokenizer[] steps = [.. build(section)];
        section.Done();
        return steps;
    }

    /// <summary>GPT-2's own steps, for a vocabulary without a tokenizer.json.</summary>
    public static IReadOnlyList<PreTokenizer> Gpt2(bool addPrefixSpace) => addPrefixSpace
        ? [PrefixSpace, Split(TextPattern.Regex(UnicodeRegex.Gpt2), SplitBehavior.Isolated), ToByteAlphabet]
        : [Split(TextPattern.Regex(UnicodeRegex.Gpt2), SplitBehavior.Isolated), ToByteAlphabet];

    public static void ToByteAlphabet(Piece piece, List<Piece> pieces) => pieces.Add(piece.With(ByteAlphabet.Map(piece.Span)));

    private static void PrefixSpace(Piece piece, List<Piece> pieces) =>
        pieces.Add(piece.Span.StartsWith(" ", StringComparison.Ordinal) ? piece : piece.With(" " + piece.Span.ToString()));

    private static IEnumerable<PreTokenizer> ByteLevel(TokenizerSection section)
    {
        section.Without("trim_offsets");
        if (section.Flag("add_prefix_space", true))
        {
            yield return PrefixSpace;
        }

        if (section.Flag("use_regex", true))
        {
            yield return Split(TextPattern.Regex(UnicodeRegex.Gpt2), SplitBehavior.Isolated);
        }

        yield return ToByteAlphabet;
    }

    private static IEnumerable<PreTokenizer> Metaspace(TokenizerSection section)
    {
        var mark = section.Text("replacement", "\u2581");
        var scheme = PrependScheme.Read(section);
        yield return (piece, pieces) =>
        {
            var text = piece.Span.ToString().Replace(" ", mark, StringComparison.Ordinal);
            var prepends = scheme == PrependScheme.Always || (scheme == PrependScheme.First && piece.AtStart);
            pieces.Add(piece.With(prepends && !text.StartsWith(mark, StringComparison.Ordinal) ? mark + text : text));
        };
        if (section.Flag("split", true))
        {
            yield return Split(TextPattern.Literal(mark), SplitBehavior.MergedWithNext);
        }
    }

    private static PreTokenizer Split(TextPattern pattern, SplitBehavior behavior, bool invert = false) => (piece, pieces) =>
    {
        var matches = new List<(int Start, int Length)>();
        pattern.Find(piece.Span, matches);
        foreach (var (start, length) in SplitParts.Of(piece.Length, matches, behavior, invert))
        {
            if (length > 0)
            {
                pieces.Add(piece.Part(start, length));
            }
        }
    };

    private static TextPattern Own(string pattern) => TextPattern.Regex(UnicodeRegex.Own(pattern));

    private static SplitBehavior Behavior(TokenizerSection section, string? absent = null) =>
        Enum.TryParse<SplitBehavior>(section.Text("behavior", absent), out var behavior)
            ? behavior
            : throw section.Wrong("behavior", string.Join(", ", Enum.GetNames<SplitBehavior>()));
}
