namespace Orchestrator.Tests.Training.Data;

/// <summary>
/// Added tokens with each of their flags, and how texts are put together again. Every row was run through Hugging Face's own library
/// (tokenizers, the Rust one) with the same tokenizer.json, and gave these pieces.
/// </summary>
public class TokenizerAddedTokenTests
{
    private const string Lowercase = "\"normalizer\":{\"type\":\"Lowercase\"},";
    private const string Marks = "\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"_\"},";

    [Theory]
    [InlineData("", "\"lstrip\":true", "a  <m> b", "a|[<m>]| b")]
    [InlineData("", "\"rstrip\":true", "a <m> \n b", "a |[<m>]|b")]
    [InlineData("", "\"lstrip\":true,\"rstrip\":true", "  <m>  <m> b", "[<m>]|[<m>]|b")]
    [InlineData("", "\"lstrip\":true", "<m> <m>", "[<m>]|[<m>]")]
    [InlineData("", "\"single_word\":true", "<m>a <m> 1<m> _<m> <m>, \u00E9<m>", "<m>a |[<m>]| 1<m> _<m> |[<m>]|, \u00E9<m>")]
    [InlineData("", "\"single_word\":true,\"lstrip\":true", "a <m>b <m>", "a <m>b|[<m>]")]
    [InlineData(Lowercase, "\"normalized\":false", "<M><m>", "<|m|>|[<m>]")]
    [InlineData(Lowercase, "\"normalized\":true", "A<M><m>", "a|[<m>]|[<m>]")]
    [InlineData(Lowercase, "\"normalized\":true,\"lstrip\":true,\"rstrip\":true", "A <M> B", "a|[<m>]|b")]
    [InlineData(Marks, "\"normalized\":true,\"lstrip\":true", "a <m> b", "a_|[<m>]|_b")]
    [InlineData(Marks, "\"normalized\":false,\"lstrip\":true", "a <m> b", "a|[<m>]|_b")]
    [InlineData(Marks, "\"normalized\":false,\"single_word\":true", "a<m>", "a<m>")]
    public void Flag_decides_where_a_token_is_found(string normalizer, string flags, string text, string expected) => TokenizerPieces.Check(normalizer + Added(900, "<m>", flags), text, expected);

    [Theory]
    [InlineData("\"normalized\":true", "a<M M>b", "a|[<M M>]|b")]
    [InlineData("\"normalized\":true", "a<m m>b", "a|[<M M>]|b")]
    [InlineData("\"normalized\":false", "a<M M><m M>b", "a|[<M M>]|<m m>b")]
    public void Content_is_normalized_with_the_text(string flags, string text, string expected) =>
        TokenizerPieces.Check(Lowercase + Added(900, "<M M>", flags), text, expected);

    // The leftmost, of several at one place the longest; tokens of the text as given come before those of the normalised text.
    [Theory]
    [InlineData("ab", "abc", "false", "false", "xabcab", "x|[abc]|[ab]")]
    [InlineData("ab", "bcd", "false", "false", "abcd", "[ab]|cd")]
    [InlineData("ab", "bcd", "true", "false", "abcd", "a|[bcd]")]
    public void Of_two_tokens_the_first_is_taken(string one, string other, string oneNormalized, string otherNormalized, string text, string expected) =>
        TokenizerPieces.Check(
            $"\"added_tokens\":[{Token(900, one, $"\"normalized\":{oneNormalized}")},{Token(901, other, $"\"normalized\":{otherNormalized}")}]", text, expected);

    // Tokens by number: 0 "a", 1 "▁b", 2 "c</w>", 3 "<0xC3>", 4 "<0xA9>", 5 "Ġd", 6 "▁▁e▁"; 900 is special.
    [Theory]
    [InlineData("null", new[] { 0, 1, 900, 5 }, "a \u2581b \u0120d")]
    [InlineData("""{"type":"BPEDecoder","suffix":"</w>"}""", new[] { 0, 2, 2 }, "ac c")]
    [InlineData("""{"type":"Metaspace","replacement":"\u2581","prepend_scheme":"always","split":true}""", new[] { 1, 0, 1, 6 }, "ba b  e ")]
    [InlineData("""{"type":"Metaspace","replacement":"\u2581","prepend_scheme":"first","split":true}""", new[] { 6, 1 }, "e b")]
    [InlineData("""{"type":"Metaspace","replacement":"\u2581","prepend_scheme":"never","split":true}""", new[] { 1, 0, 1 }, " ba b")]
    [InlineData("""{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""", new[] { 5, 0, 5 }, " da d")]
    [InlineData("""{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""", new[] { 0, 1, 5 }, "a\u2581b d")]
    [InlineData("""{"type":"ByteFallback"}""", new[] { 0, 3, 4, 0 }, "a\u00E9a")]
    [InlineData("""{"type":"ByteFallback"}""", new[] { 3, 0, 4, 3 }, "\uFFFDa\uFFFD\uFFFD")]
    [InlineData("""{"type":"Replace","pattern":{"String":"\u2581"},"content":" "}""", new[] { 1, 6 }, " b  e ")]
    [InlineData("""{"type":"Replace","pattern":{"Regex":"\u2581+"},"content":"-"}""", new[] { 1, 6 }, "-b-e-")]
    [InlineData("""{"type":"Strip","content":"\u2581","start":1,"stop":1}""", new[] { 6, 1 }, "\u2581eb")]
    [InlineData("""{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"\u2581"},"content":" "},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}""", new[] { 6, 1 }, " e  b")]
    public void A_decoder_puts_a_text_together_as_the_library_does(string decoder, int[] ids, string expected)
    {
        var model = """{"type":"BPE","merges":[],"vocab":{"a":0,"\u2581b":1,"c</w>":2,"<0xC3>":3,"<0xA9>":4,"\u0120d":5,"\u2581\u2581e\u2581":6}}""";
        var json = $$"""{"decoder":{{decoder}},{{Added(900, "<m>", "\"special\":true")}},"model":{{model}}}""";
        Assert.Equal(expected, TinyTokenizer.Load(("tokenizer.json", json)).Decode(ids));
    }

    private static string Added(int id, string content, string flags) => $"\"added_tokens\":[{Token(id, content, flags)}]";

    // Flags that are not given are false.
    private static string Token(int id, string content, string flags)
    {
        string[] others = [.. new[] { "single_word", "lstrip", "rstrip", "normalized", "special" }.Where(flag => !flags.Contains(flag)).Select(flag => $"\"{flag}\":false")];
        return $"{{\"id\":{id},\"content\":\"{content}\",{string.Join(',', others.Append(flags))}}}";
    }
}
