using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Training.Data;

namespace Orchestrator.Tests.Training.Data;

/// <summary>A byte-level tokenizer whose ids can be read: an ASCII character's id is its code, merges follow from 256, specials stand at 1000.</summary>
public static class TinyTokenizer
{
    public const int Begin = 1000;
    public const int End = 1001;

    /// <param name="merges">"a b" makes token 256 of "ab", and so on; a space is written as Ġ.</param>
    /// <param name="framed">Whether the tokenizer puts the begin token in front of a text.</param>
    /// <param name="begins">Whether it names a begin token at all.</param>
    public static TextTokenizer Create(string[]? merges = null, bool framed = false, bool begins = true, bool ends = true)
    {
        using var directory = new DataDirectory();
        Write(directory.Path, merges, framed, begins, ends);
        return TextTokenizer.Load(directory.Path);
    }

    /// <summary>The same as files of a model's folder.</summary>
    public static void Write(string folder, string[]? merges = null, bool framed = false, bool begins = true, bool ends = true)
    {
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), Json(merges, framed));
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), JsonSerializer.Serialize(new { bos_token = begins ? "<s>" : null, eos_token = ends ? "</s>" : null }));
    }

    /// <summary>A tokenizer of exactly these files.</summary>
    public static TextTokenizer Load(params (string Name, string Text)[] files)
    {
        using var directory = new DataDirectory();
        foreach (var (name, text) in files)
        {
            directory.Write(name, text);
        }

        return TextTokenizer.Load(directory.Path);
    }

    /// <summary>The text of its tokenizer.json.</summary>
    public static string Json(string[]? merges = null, bool framed = false)
    {
        var json = new Dictionary<string, object>
        {
            ["added_tokens"] = new[] { Added(Begin, "<s>"), Added(End, "</s>") },
            ["pre_tokenizer"] = new { type = "ByteLevel", add_prefix_space = false, trim_offsets = true, use_regex = false },
            ["decoder"] = new { type = "ByteLevel" },
            ["model"] = new { type = "BPE", vocab = Vocabulary(merges), merges = merges ?? [] },
        };
        if (framed)
        {
            json["post_processor"] = JsonNode.Parse("""
                {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
                "pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[1000],"tokens":["<s>"]}}}
                """)!;
        }

        return JsonSerializer.Serialize(json);
    }

    /// <summary>The ids of its bytes and of its merges' results.</summary>
    public static Dictionary<string, int> Vocabulary(string[]? merges = null)
    {
        var vocabulary = Bytes();
        foreach (var merge in merges ?? [])
        {
            vocabulary[merge.Replace(" ", "")] = vocabulary.Count;
        }

        return vocabulary;
    }

    /// <summary>The ids of a text of plain characters; ^ and $ stand for the begin and the end token.</summary>
    public static int[] Ids(string text) => [.. Encoding.UTF8.GetBytes(text).Select(value => value switch { (byte)'^' => Begin, (byte)'$' => End, _ => value })];

    private static object Added(int id, string content) => new { id, content, single_word = false, lstrip = false, rstrip = false, normalized = false, special = true };

    // The 256 characters of byte-level vocabularies: visible Latin-1 for itself, the others in order from U+0100 on.
    private static Dictionary<string, int> Bytes()
    {
        var next = 256;
        return Enumerable.Range(0, 256).ToDictionary(
            value => ((char)(value is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE and <= 0xFF ? value : next++)).ToString(), value => value);
    }
}
