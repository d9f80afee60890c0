using System.Globalization;
using System.Text;

namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>Turns tokens into parts of a text; the parts of the last step, joined, are the text.</summary>
internal delegate IReadOnlyList<string> TokenDecoder(IReadOnlyList<string> tokens);

/// <summary>The decoders a tokenizer.json may name: one row each.</summary>
internal static class Decoders
{
    private static readonly Dictionary<string, Func<TokenizerSection, TokenDecoder>> Known = new(StringComparer.Ordinal)
    {
        ["ByteLevel"] = section => ByteLevelOf(section.Without("add_prefix_space", "trim_offsets", "use_regex")),
        ["ByteFallback"] = _ => ByteFallback,
        ["Fuse"] = _ => tokens => [string.Concat(tokens)],
        ["Replace"] = Replace,
        ["Strip"] = Strip,
        ["Metaspace"] = Metaspace,
        ["BPEDecoder"] = WordSuffix,
        ["Sequence"] = section => Sequence([.. section.Sections("decoders").Select(Read)]),
    };

    public static TokenDecoder Read(TokenizerSection section)
    {
        if (!Known.TryGetValue(section.Type, out var build))
        {
            throw section.Unknown("decoder", Known.Keys);
        }

        var decoder = build(section);
        section.Done();
        return decoder;
    }

    public static IReadOnlyList<string> ByteLevel(IReadOnlyList<string> tokens)
    {
        var bytes = new List<byte>();
        foreach (var token in tokens)
        {
            ByteAlphabet.Unmap(token, bytes);
        }

        return [Encoding.UTF8.GetString([.. bytes])];
    }

    /// <summary>The byte that a token such as &lt;0x0A&gt; stands for.</summary>
    public static byte? ByteOf(string token) =>
        token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
        && byte.TryParse(token.AsSpan(3, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var value)
            ? value
            : null;

    private static TokenDecoder ByteLevelOf(TokenizerSection _) => ByteLevel;

    private static TokenDecoder Sequence(TokenDecoder[] steps) => tokens => steps.Aggregate(tokens, (current, step) => step(current));

    // Bytes in a row become the text they spell, or one replacement character each where they spell none.
    private static List<string> ByteFallback(IReadOnlyList<string> tokens)
    {
        var (parts, bytes) = (new List<string>(tokens.Count), new List<byte>());
        foreach (var token in tokens)
        {
            if (ByteOf(token) is { } value)
            {
                bytes.Add(value);
                continue;
            }

            Flush(bytes, parts);
            parts.Add(token);
        }

        Flush(bytes, parts);
        return parts;
    }

    private static void Flush(List<byte> bytes, List<string> parts)
    {
        if (bytes.Count > 0)
        {
            byte[] spelled = [.. bytes];
            parts.Add(System.Text.Unicode.Utf8.IsValid(spelled) ? Encoding.UTF8.GetString(spelled) : new string('\uFFFD', spelled.Length));
            bytes.Clear();
        }
    }

    private static TokenDecoder Replace(TokenizerSection section)
    {
        var replace = TextPattern.Read(section, "pattern").Replacing(section.Text("content"));
        return tokens => [.. tokens.Select(token => replace(token))];
    }

    private static TokenDecoder Strip(TokenizerSection section)
    {
        var (content, start, stop) = (section.Text("content"), section.Number("start"), section.Number("stop"));
        return content.Length == 1
            ? tokens => [.. tokens.Select(token => Stripped(token, content[0], start, stop))]
            : throw section.Wrong("content", "one character");
    }

    private static string Stripped(string token, char content, int start, int stop)
    {
        var (from, to) = (0, token.Length);
        while (from < token.Length && from < start && token[from] == content)
        {
            from++;
        }

        while (to > from && token.Length - to < stop && token[to - 1] == content)
        {
            to--;
        }

        return token[from..to];
    }

    private static TokenDecoder Metaspace(TokenizerSection section)
    {
        var (mark, scheme) = (section.Text("replacement", "\u2581"), PrependScheme.Read(section));
        section.Without("split");
        return tokens => [.. tokens.Select((token, index) =>
            token.Replace(mark, index == 0 && scheme != PrependScheme.Never ? "" : " ", StringComparison.Ordinal))];
    }

    private static TokenDecoder WordSuffix(TokenizerSection section)
    {
        var suffix = section.Text("suffix", "</w>");
        return tokens => [.. tokens.Select((token, index) => token.Replace(suffix, index == tokens.Count - 1 ? "" : " ", StringComparison.Ordinal))];
    }
}
