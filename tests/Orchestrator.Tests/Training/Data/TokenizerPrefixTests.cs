using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Training.Data;

namespace Orchestrator.Tests.Training.Data;

/// <summary>vocab.json with merges.txt, where tokenizer_config.json says how a text is cut, and "add_prefix_space" in either kind of folder.</summary>
public class TokenizerPrefixTests
{
    [Theory]
    [InlineData("{}", "ab")]
    [InlineData("""{"tokenizer_class":null}""", "ab")]
    [InlineData("""{"tokenizer_class":"GPT2Tokenizer","add_prefix_space":false,"add_bos_token":false}""", "ab")]
    [InlineData("""{"tokenizer_class":"GPT2TokenizerFast","add_prefix_space":true}""", " ab")]
    public void Vocab_and_merges_are_read_as_gpt2(string config, string same) =>
        Assert.Equal(TinyTokenizer.Ids(same), Gpt2(config).Encode("ab", addSpecialTokens: true));

    // With add_prefix_space, the text after an added token gets a space as well: each part is cut by itself.
    [Fact]
    public void Added_tokens_of_a_vocabulary_take_the_next_ids()
    {
        var tokenizer = Gpt2("""{"add_prefix_space":true}""", ("added_tokens.json", """{"<x>":256}"""));
        Assert.Equal([' ', 'a', 256, ' ', 'b'], tokenizer.Encode("a<x>b", addSpecialTokens: false));
    }

    [Theory]
    [InlineData("CodeGenTokenizer")]
    [InlineData("RobertaTokenizerFast")]
    [InlineData("Qwen2Tokenizer")]
    public void Vocab_and_merges_of_another_class_are_refused(string name) =>
        TokenizerConfigTests.Refused(() => Gpt2($$"""{"tokenizer_class":"{{name}}"}"""), "tokenizer_config.json: tokenizer_class is", name, "Save the tokenizer with tokenizer.json");

    [Theory]
    [InlineData("""{"type":"ByteLevel","add_prefix_space":false}""", "null", "true", "pre_tokenizer (ByteLevel) puts no space")]
    [InlineData("""{"type":"ByteLevel","add_prefix_space":true}""", "null", "false", "pre_tokenizer (ByteLevel) puts a space")]
    [InlineData("""{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"ByteLevel","add_prefix_space":false}]}""", "null", "true", "pretokenizers[1] (ByteLevel) puts no space")]
    [InlineData("""{"type":"Metaspace","prepend_scheme":"first"}""", "null", "false", "pre_tokenizer (Metaspace) puts a space")]
    [InlineData("""{"type":"Metaspace","prepend_scheme":"never"}""", "null", "true", "pre_tokenizer (Metaspace) puts no space")]
    [InlineData("null", """{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"_"}]}""", "false", "normalizers[0] (Prepend) puts a space")]
    public void A_step_that_contradicts_the_config_is_refused(string cuts, string normalizer, string asked, string told)
    {
        TextTokenizer With(string value) => TinyTokenizer.Load(("tokenizer.json", Json(cuts, normalizer)), ("tokenizer_config.json", $$"""{"add_prefix_space":{{value}}}"""));
        TokenizerConfigTests.Refused(() => With(asked), $"tokenizer_config.json: add_prefix_space is {asked}, but ", told);
        With(asked == "true" ? "false" : "true");
        With("null");
    }

    private static TextTokenizer Gpt2(string config, params (string Name, string Text)[] more) =>
        TinyTokenizer.Load([("vocab.json", JsonSerializer.Serialize(TinyTokenizer.Vocabulary())), ("merges.txt", "#version: 0.2\n"), ("tokenizer_config.json", config), .. more]);

    private static string Json(string cuts, string normalizer)
    {
        var json = JsonNode.Parse(TinyTokenizer.Json())!;
        (json["pre_tokenizer"], json["normalizer"]) = (JsonNode.Parse(cuts), JsonNode.Parse(normalizer));
        return json.ToJsonString();
    }
}
