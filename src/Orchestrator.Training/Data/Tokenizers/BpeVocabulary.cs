using System.Globalization;

namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>Tokens, their ids, and the merges in order of rank, with the switches a byte-pair model has.</summary>
internal sealed record BpeVocabulary(string Where, IReadOnlyDictionary<string, int> Ids, IReadOnlyList<(string Left, string Right)> Merges)
{
    /// <summary>Stands for a character that no token holds; without one, such a character is left out.</summary>
    public string? UnknownToken { get; init; }

    /// <summary>Unknown characters that follow one another become one token.</summary>
    public bool FuseUnknown { get; init; }

    /// <summary>An unknown character becomes its UTF-8 bytes, tokens such as &lt;0xE2&gt;, where the vocabulary holds all of them.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>A piece that is a token as a whole is that token, whatever the merges would give.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>Marks a part that continues a word ("" for none).</summary>
    public string ContinuingPrefix { get; init; } = "";

    /// <summary>Marks the last part of a word ("" for none).</summary>
    public string WordSuffix { get; init; } = "";

    public static BpeVocabulary Read(TokenizerSection model)
    {
        if (model.Text("type", "BPE") != "BPE")
        {
            throw model.Unknown("model", ["BPE"]);
        }

        if (model.Has("dropout") && model.Real("dropout") != 0)
        {
            throw new NotSupportedException($"{model.Where}.dropout: encoding with dropout is random and is not supported. Remove the key.");
        }

        var vocabulary = new BpeVocabulary(model.Where, ReadIds(model), [.. ReadMerges(model)])
        {
            UnknownToken = model.Has("unk_token") ? model.Text("unk_token") : null,
            FuseUnknown = model.Flag("fuse_unk", false),
            ByteFallback = model.Flag("byte_fallback", false),
            IgnoreMerges = model.Flag("ignore_merges", false),
            ContinuingPrefix = model.Text("continuing_subword_prefix", ""),
            WordSuffix = model.Text("end_of_word_suffix", ""),
        };
        model.Done();
        return vocabulary;
    }

    private static Dictionary<string, int> ReadIds(TokenizerSection model)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var token in model.Properties("vocab"))
        {
            ids[token.Name] = token.Value.TryGetInt32(out var id) && id >= 0 ? id : throw model.Wrong("vocab", $"a whole number as id of \"{token.Name}\"");
        }

        return ids;
    }

    private static IEnumerable<(string Left, string Right)> ReadMerges(TokenizerSection model)
    {
        var line = 0;
        foreach (var merge in model.Items("merges"))
        {
            var parts = merge.ValueKind == System.Text.Json.JsonValueKind.Array
                ? [.. merge.EnumerateArray().Select(part => part.GetString()!)]
                : merge.GetString()!.Split(' ');
            yield return parts is [var left, var right]
                ? (left, right)
                : throw new InvalidDataException($"{model.Where}.merges[{line.ToString(CultureInfo.InvariantCulture)}] is {merge.GetRawText()}, and a pair of tokens is needed.");
            line++;
        }
    }
}
