using Orchestrator.Training.Data.Tokenizers;

namespace Orchestrator.Tests.Training.Data;

/// <summary>
/// What the switches of a byte-pair model do. Tokens: 0 "a", 1 "b", 2 "ab", 3 "?" (unknown), then those of the row. Every row was run through
/// Hugging Face's own library (tokenizers, the Rust one) with the same tokenizer.json, and gave these ids.
/// </summary>
public class TokenizerModelTests
{
    private const string Unknown = "\"unk_token\":\"?\"";
    private const string Bytes = ",\"<0xC3>\":4,\"<0xA9>\":5";

    // An unknown character waits for the next known one, and bytes are not that: the library's own order.
    [Theory]
    [InlineData("", "\"unk_token\":null", "axxab", new[] { 0, 2 })]
    [InlineData("", Unknown, "axxab", new[] { 0, 3, 3, 2 })]
    [InlineData("", Unknown + ",\"fuse_unk\":true", "axxabx", new[] { 0, 3, 2, 3 })]
    [InlineData(Bytes, Unknown + ",\"byte_fallback\":true", "a\u00E9b\u00E8", new[] { 0, 4, 5, 1, 3 })]
    [InlineData(Bytes, Unknown + ",\"byte_fallback\":true,\"fuse_unk\":true", "\u00E8\u00E8\u00E9x", new[] { 4, 5, 3 })]
    [InlineData(Bytes, Unknown + ",\"byte_fallback\":true,\"fuse_unk\":true", "\u00E8\u00E9", new[] { 4, 5, 3 })]
    [InlineData(",\"b</w>\":4,\"ab</w>\":5", "\"end_of_word_suffix\":\"</w>\"", "abab", new[] { 2, 0, 4 })]
    [InlineData(",\"abb\":4", "\"ignore_merges\":true", "abb", new[] { 4 })]
    [InlineData(",\"abb\":4", "\"ignore_merges\":false", "abb", new[] { 2, 1 })]
    [InlineData("", "\"dropout\":null", "abab", new[] { 2, 2 })]
    public void A_switch_of_the_model_gives_the_ids_of_the_library(string tokens, string switches, string text, int[] ids)
    {
        var vocabulary = $"{{\"a\":0,\"b\":1,\"ab\":2,\"?\":3{tokens}}}";
        var json = $"{{\"model\":{{\"type\":\"BPE\",\"vocab\":{vocabulary},\"merges\":[\"a b\"],{switches}}}}}";
        Assert.Equal(ids, TinyTokenizer.Load(("tokenizer.json", json)).Encode(text, addSpecialTokens: false));
    }

    // "##" is no part of a merge's result: "a" and "##b" make "ab".
    [Fact]
    public void A_merge_drops_the_prefix_of_its_right_part()
    {
        var json = """{"model":{"type":"BPE","vocab":{"a":0,"##b":1,"ab":2,"##bb":3},"merges":[["##b","##b"],["a","##b"]],"continuing_subword_prefix":"##"}}""";
        var tokenizer = TinyTokenizer.Load(("tokenizer.json", json));
        Assert.Equal([2], tokenizer.Encode("ab", addSpecialTokens: false));
        Assert.Equal([0, 3], tokenizer.Encode("abb", addSpecialTokens: false));
    }

    // Characters 0 to 3 and sixty merges of tokens drawn with a seed: pieces of up to 48 are merged in another way than longer ones.
    [Fact]
    public void Short_and_long_pieces_are_merged_alike()
    {
        var (random, table, spelled) = (new Random(7), new MergeTable(60), new List<string> { "0", "1", "2", "3" });
        for (var rank = 0; rank < 60; rank++)
        {
            var (left, right) = (random.Next(spelled.Count), random.Next(spelled.Count));
            var id = spelled.IndexOf(spelled[left] + spelled[right]);
            table.Set(left, right, rank, id < 0 ? spelled.Count : id);
            if (id < 0)
            {
                spelled.Add(spelled[left] + spelled[right]);
            }
        }

        for (var trial = 0; trial < 2000; trial++)
        {
            int[] piece = [.. Enumerable.Range(0, random.Next(2, 49)).Select(_ => random.Next(4))];
            var inOneWay = new BpeMerger(table, grows: true).Merge(piece.ToArray());
            Assert.Equal(new BpeMerger(table, grows: false).Merge(piece.ToArray()), inOneWay);
            Assert.Equal(string.Concat(piece), string.Concat(inOneWay.Select(token => spelled[token])));
        }
    }
}
