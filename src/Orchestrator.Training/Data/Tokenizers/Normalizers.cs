using System.Text;

namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>Changes a text before it is cut into pieces.</summary>
internal delegate string Normalizer(string text);

/// <summary>The normalizers a tokenizer.json may name: one row each.</summary>
internal static class Normalizers
{
    private static readonly Dictionary<string, Func<TokenizerSection, Normalizer>> Known = new(StringComparer.Ordinal)
    {
        ["NFC"] = _ => CanonicalForm.Compose,
        ["NFD"] = _ => CanonicalForm.Decompose,
        ["Lowercase"] = _ => Lowercase,
        ["Prepend"] = section => Prepend(section.Text("prepend")),
        ["Replace"] = section => TextPattern.Read(section, "pattern").Replacing(section.Text("content")),
        ["Strip"] = section => Strip(section.Flag("strip_left", true), section.Flag("strip_right", true)),
        ["ByteLevel"] = _ => text => ByteAlphabet.Map(text),
        ["Sequence"] = section => Sequence([.. section.Sections("normalizers").Select(Read)]),
    };

    public static Normalizer Read(TokenizerSection section)
    {
        if (!Known.TryGetValue(section.Type, out var build))
        {
            throw section.Unknown("normalizer", Known.Keys);
        }

        var normalizer = build(section);
        section.Done();
        return normalizer;
    }

    private static Normalizer Prepend(string prefix) => text => text.Length == 0 ? text : prefix + text;

    private static Normalizer Strip(bool left, bool right) => text =>
    {
        var kept = left ? text.AsSpan().TrimStart() : text.AsSpan();
        return (right ? kept.TrimEnd() : kept).ToString();
    };

    private static Normalizer Sequence(Normalizer[] steps) => text => steps.Aggregate(text, (current, step) => step(current));

    // Character by character, so a final sigma is an ordinary one. Only the dotted capital I becomes two characters.
    private static string Lowercase(string text) => new StringBuilder(text.ToLowerInvariant()).Replace("\u0130", "i\u0307").ToString();
}
