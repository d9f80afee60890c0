using System.Text;

namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>
/// The 256 printable characters that stand for bytes in byte-level vocabularies: the visible Latin-1 characters for themselves, the other
/// bytes in their order from U+0100 on (a space becomes U+0120). Radford et al. 2019, GPT-2.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Chars = Build();
    private static readonly Dictionary<char, byte> Bytes = Enumerable.Range(0, 256).ToDictionary(b => Chars[b], b => (byte)b);

    public static string Map(ReadOnlySpan<char> text)
    {
        var bytes = new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        var count = Encoding.UTF8.GetBytes(text, bytes);
        return string.Create(count, bytes, static (chars, source) =>
        {
            for (var i = 0; i < chars.Length; i++)
            {
                chars[i] = Chars[source[i]];
            }
        });
    }

    public static string Of(byte value) => Chars[value].ToString();

    /// <summary>The bytes that a token of a byte-level vocabulary stands for; a token with any other character stands for its own UTF-8.</summary>
    public static void Unmap(string token, List<byte> into)
    {
        var start = into.Count;
        foreach (var character in token)
        {
            if (!Bytes.TryGetValue(character, out var value))
            {
                into.RemoveRange(start, into.Count - start);
                into.AddRange(Encoding.UTF8.GetBytes(token));
                return;
            }

            into.Add(value);
        }
    }

    private static char[] Build()
    {
        var (chars, next) = (new char[256], 256);
        for (var b = 0; b < 256; b++)
        {
            var visible = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE and <= 0xFF;
            chars[b] = (char)(visible ? b : next++);
        }

        return chars;
    }
}
