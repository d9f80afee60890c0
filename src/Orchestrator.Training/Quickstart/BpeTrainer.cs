using System.Text.Json;
using System.Text.RegularExpressions;
using Orchestrator.Training.Data.Tokenizers;

namespace Orchestrator.Training.Quickstart;

/// <summary>
/// Learns a byte-level BPE vocabulary from texts and writes it as a Hugging Face tokenizer: the most frequent neighbouring pair of tokens becomes
/// a token, until the vocabulary is full or no pair occurs twice. Sennrich et al. 2016, arXiv:1508.07909. For small corpora: every merge reads
/// all distinct words.
/// </summary>
public static partial class BpeTrainer
{
    public const string EndOfText = "<|endoftext|>";

    /// <summary>Writes tokenizer.json, tokenizer_config.json and special_tokens_map.json.</summary>
    /// <returns>Size of the vocabulary, <see cref="EndOfText"/> (its last id) included; at most <paramref name="vocabulary"/>.</returns>
    public static int Train(IEnumerable<string> texts, int vocabulary, string directory)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabulary, 257);
        var tokens = Enumerable.Range(0, 256).Select(b => ByteAlphabet.Of((byte)b)).Order(StringComparer.Ordinal).ToList();
        var merges = Merges(Words(texts), vocabulary - 257);
        tokens.AddRange(merges.Select(merge => merge.Left + merge.Right).Distinct(StringComparer.Ordinal));
        Write(tokens, merges, directory);
        return tokens.Count + 1;
    }

    private static List<(string Left, string Right)> Merges(List<(List<string> Tokens, int Count)> words, int limit)
    {
        var merges = new List<(string Left, string Right)>();
        var made = new HashSet<string>(StringComparer.Ordinal);
        while (made.Count < limit)
        {
            var best = Pairs(words).Where(pair => pair.Value > 1)
                .OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key.Left, StringComparer.Ordinal).ThenBy(pair => pair.Key.Right, StringComparer.Ordinal)
                .Select(pair => pair.Key).FirstOrDefault();
            if (best == default)
            {
                break;
            }

            merges.Add(best);
            made.Add(best.Left + best.Right);
            words.ForEach(word => Join(word.Tokens, best));
        }

        return merges;
    }

    private static Dictionary<(string Left, string Right), int> Pairs(List<(List<string> Tokens, int Count)> words)
    {
        var pairs = new Dictionary<(string Left, string Right), int>();
        foreach (var (tokens, count) in words)
        {
            for (var i = 1; i < tokens.Count; i++)
            {
                var pair = (tokens[i - 1], tokens[i]);
                pairs[pair] = pairs.GetValueOrDefault(pair) + count;
            }
        }

        return pairs;
    }

    private static void Join(List<string> tokens, (string Left, string Right) pair)
    {
        for (var i = 1; i < tokens.Count; i++)
        {
            if (tokens[i - 1] == pair.Left && tokens[i] == pair.Right)
            {
                tokens[i - 1] += pair.Right;
                tokens.RemoveAt(i);
            }
        }
    }

    private static List<(List<string> Tokens, int Count)> Words(IEnumerable<string> texts) =>
        [.. texts.SelectMany(text => Piece().Matches(text).Select(match => ByteAlphabet.Map(match.Value)))
            .CountBy(word => word, StringComparer.Ordinal)
            .OrderBy(word => word.Key, StringComparer.Ordinal)
            .Select(word => (word.Key.Select(character => character.ToString()).ToList(), word.Value))];

    private static void Write(List<string> tokens, List<(string Left, string Right)> merges, string directory)
    {
        Directory.CreateDirectory(directory);
        var byteLevel = new { type = "ByteLevel", add_prefix_space = false, trim_offsets = true, use_regex = true };
        var end = new { id = tokens.Count, content = EndOfText, single_word = false, lstrip = false, rstrip = false, normalized = false, special = true };
        WriteJson(Path.Combine(directory, "tokenizer.json"), new
        {
            version = "1.0",
            added_tokens = new[] { end },
            pre_tokenizer = byteLevel,
            decoder = byteLevel,
            model = new
            {
                type = "BPE",
                vocab = tokens.Index().ToDictionary(token => token.Item, token => token.Index, StringComparer.Ordinal),
                merges = merges.Select(merge => $"{merge.Left} {merge.Right}"),
            },
        });
        WriteJson(Path.Combine(directory, "tokenizer_config.json"), new { tokenizer_class = "PreTrainedTokenizerFast", bos_token = EndOfText, eos_token = EndOfText, clean_up_tokenization_spaces = false });
        WriteJson(Path.Combine(directory, "special_tokens_map.json"), new { bos_token = EndOfText, eos_token = EndOfText });
    }

    private static void WriteJson(string path, object value) => File.WriteAllText(path, JsonSerializer.Serialize(value, Indented));

    private static JsonSerializerOptions Indented { get; } = new() { WriteIndented = true };

    // GPT-2's pieces (Radford et al. 2019): contractions, words, numbers and signs, each with the space before it.
    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Piece();
}
