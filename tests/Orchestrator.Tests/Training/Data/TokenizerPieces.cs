using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Training.Data;

namespace Orchestrator.Tests.Training.Data;

/// <summary>
/// Shows the pieces that the parts of a tokenizer.json cut a text into: its vocabulary holds every stretch of the text and of the expected
/// pieces, and ignore_merges makes each piece one token. A stretch that is not there shows as its characters or not at all; so does an added token's own text.
/// </summary>
internal static class TokenizerPieces
{
    /// <param name="parts">Keys and values of tokenizer.json, without the braces.</param>
    /// <param name="expected">Pieces with | between them.</param>
    public static void Check(string parts, string text, string expected)
    {
        string[] pieces = expected.Length == 0 ? [] : expected.Split('|');
        var json = Json(parts, [text, string.Concat(pieces)]);
        var tokenizer = TinyTokenizer.Load(("tokenizer.json", json));
        var spelled = tokenizer.Encode(text, addSpecialTokens: false).Select(id => Spelling(json, id));
        Assert.Equal(expected, string.Join('|', spelled));
    }

    public static string Json(string parts, string[] texts)
    {
        var json = JsonNode.Parse($"{{{parts}}}")!.AsObject();
        var added = json["added_tokens"]?.AsArray().Select(token => (string)token!["content"]!) ?? [];
        var vocabulary = texts.SelectMany(Stretches).Except(added, StringComparer.Ordinal).Index().ToDictionary(token => token.Item, token => token.Index);
        json["model"] = JsonSerializer.SerializeToNode(new { type = "BPE", vocab = vocabulary, merges = Array.Empty<string>(), ignore_merges = true });
        return json.ToJsonString();
    }

    private static IEnumerable<string> Stretches(string text) =>
        from start in Enumerable.Range(0, text.Length)
        from length in Enumerable.Range(1, text.Length - start)
        let stretch = text.Substring(start, length)
        where !char.IsLowSurrogate(stretch[0]) && !char.IsHighSurrogate(stretch[^1])
        select stretch;

    private static string Spelling(string json, int id)
    {
        var root = JsonNode.Parse(json)!;
        var added = root["added_tokens"]?.AsArray().FirstOrDefault(token => token!["id"]!.GetValue<int>() == id);
        return added is not null ? $"[{added["content"]}]" : root["model"]!["vocab"]!.AsObject().Single(token => token.Value!.GetValue<int>() == id).Key;
    }
}
