using Orchestrator.Training.Data;

namespace Orchestrator.Tests.Training.Data;

/// <summary>What the files beside tokenizer.json change, as transformers 4.4x loads a fast tokenizer (PreTrainedTokenizerFast, LlamaTokenizerFast).</summary>
public class TokenizerConfigTests
{
    private const string Names = "\"bos_token\":\"<s>\",\"eos_token\":\"</s>\"";

    [Theory]
    [InlineData(false, "\"tokenizer_class\":\"LlamaTokenizer\",\"add_bos_token\":true,\"add_eos_token\":true", "^a$")]
    [InlineData(true, "\"tokenizer_class\":\"LlamaTokenizerFast\",\"add_bos_token\":false,\"add_eos_token\":false", "a")]
    [InlineData(true, "\"tokenizer_class\":\"CodeLlamaTokenizer\",\"add_bos_token\":false,\"add_eos_token\":true", "a$")]
    [InlineData(false, "\"tokenizer_class\":\"GemmaTokenizer\",\"add_eos_token\":true", "^a$")]
    [InlineData(false, "\"tokenizer_class\":\"GemmaTokenizerFast\",\"add_eos_token\":false", "^a")]
    [InlineData(false, "\"tokenizer_class\":\"LlamaTokenizer\"", "a")]
    [InlineData(false, "\"tokenizer_class\":\"LlamaTokenizer\",\"add_bos_token\":null", "a")]
    [InlineData(true, "\"tokenizer_class\":\"Qwen2Tokenizer\",\"add_bos_token\":false", "^a")]
    [InlineData(true, "\"tokenizer_class\":\"PreTrainedTokenizerFast\",\"add_bos_token\":true,\"add_eos_token\":false", "^a")]
    public void Flags_frame_a_text_where_the_class_obeys_them(bool framed, string config, string ids) =>
        Assert.Equal(TinyTokenizer.Ids(ids), Load(config, framed).Encode("a", addSpecialTokens: true));

    [Theory]
    [InlineData("\"tokenizer_class\":\"Qwen2Tokenizer\",\"add_bos_token\":true," + Names, "add_bos_token is true", "no \"<s>\" before")]
    [InlineData("\"add_eos_token\":true," + Names, "add_eos_token is true", "no \"</s>\" after")]
    [InlineData("\"tokenizer_class\":\"LlamaTokenizer\",\"add_bos_token\":true", "add_bos_token needs bos_token", "no file names")]
    [InlineData("\"tokenizer_class\":\"LlamaTokenizer\",\"add_bos_token\":true,\"bos_token\":\"<b>\"", "add_bos_token needs bos_token", "\"<b>\", no token")]
    [InlineData("\"add_bos_token\":1", "add_bos_token is 1", "true or false is needed")]
    public void A_flag_that_cannot_be_obeyed_is_refused(string config, string told, string why) =>
        Refused(() => TinyTokenizer.Load(("tokenizer.json", TinyTokenizer.Json()), ("tokenizer_config.json", $"{{{config}}}")), "tokenizer_config.json: ", told, why);

    // The next free id is 1002: one past the highest added token.
    [Fact]
    public void Tokens_that_only_the_config_lists_are_added_with_their_flags()
    {
        var tokenizer = Load("""
            "added_tokens_decoder":{"1003":{"content":"<y>","normalized":true,"special":false},"1002":{"content":"<x>","lstrip":true,"rstrip":true,"special":true},
            "98":{"content":"b","single_word":true,"special":false,"normalized":false}}
            """);
        Assert.Equal(['a', 1002, 'c', 1003, ' ', 'c', 'b'], tokenizer.Encode("a <x>  c<y> cb", addSpecialTokens: false));
        Assert.Equal("ac<y>", tokenizer.Decode([1000, 'a', 1002, 'c', 1003]));
        Assert.Equal(1004, tokenizer.VocabularySize);
    }

    [Fact]
    public void Flags_of_a_known_token_are_those_of_the_config()
    {
        var tokenizer = Load("""
            "added_tokens_decoder":{"1000":{"content":"<s>","rstrip":true,"normalized":false,"special":true}}
            """);
        Assert.Equal(TinyTokenizer.Ids("^a $"), tokenizer.Encode("<s>  a </s>", addSpecialTokens: false));
    }

    [Theory]
    [InlineData("\"1000\":{\"content\":\"<y>\"}", "1000 is \"<y>\" with id 1000", "token 1000 is \"<s>\"")]
    [InlineData("\"1002\":{\"content\":\"<s>\"}", "1002 is \"<s>\" with id 1002", "its id in the tokenizer is 1000")]
    [InlineData("\"97\":{\"content\":\"b\"}", "97 is \"b\" with id 97", "token 97 is \"a\"")]
    [InlineData("\"1005\":{\"content\":\"<y>\"}", "1005 is \"<y>\" with id 1005", "its id in the tokenizer is 1002")]
    [InlineData("\"x\":{\"content\":\"<y>\"}", "added_tokens_decoder: x", "an id as key is needed")]
    [InlineData("\"1002\":\"<y>\"", "added_tokens_decoder: 1002 is \"<y>\"", "an object is needed")]
    [InlineData("\"1002\":{\"content\":\"<y>\",\"why\":1}", "added_tokens_decoder.1002", "\"why\"")]
    public void A_listed_token_that_contradicts_the_tokenizer_is_refused(string tokens, string told, string why) =>
        Refused(() => Load($"\"added_tokens_decoder\":{{{tokens}}}"), "tokenizer_config.json", told, why);

    // Without added_tokens_decoder, transformers reads added_tokens.json; tokens there are special only where another file names them so.
    [Fact]
    public void Tokens_of_added_tokens_json_are_added()
    {
        var tokenizer = TinyTokenizer.Load(
            ("tokenizer.json", TinyTokenizer.Json()), ("added_tokens.json", """{"<y>":1003,"<x>":1002}"""), ("special_tokens_map.json", """{"additional_special_tokens":["<x>"]}"""));
        Assert.Equal([1002, 'a', 1003], tokenizer.Encode("<x>a<y>", addSpecialTokens: false));
        Assert.Equal("a<y>", tokenizer.Decode([1002, 'a', 1003]));
        Refused(() => TinyTokenizer.Load(("tokenizer.json", TinyTokenizer.Json()), ("added_tokens.json", """{"<x>":7}""")), "added_tokens.json.<x>", "with id 7");
    }

    [Fact]
    public void A_token_of_the_vocabulary_that_is_named_special_is_found_in_a_text_and_left_out_of_it()
    {
        var tokenizer = TinyTokenizer.Load(("tokenizer.json", TinyTokenizer.Json(["e n", "en d"])), ("special_tokens_map.json", """{"eos_token":{"content":"end"}}"""));
        var plain = TinyTokenizer.Create(["e n", "en d"]);
        Assert.Equal(plain.Encode("end", false), tokenizer.Encode("end", false));
        Assert.Equal("a", tokenizer.Decode(tokenizer.Encode("aend", false)));
        Assert.Equal("aend", plain.Decode(plain.Encode("aend", false)));
    }

    [Fact]
    public void Added_tokens_count_for_the_identity()
    {
        TextTokenizer With(string added) => TinyTokenizer.Load(("tokenizer.json", TinyTokenizer.Json()), ("added_tokens.json", added));
        Assert.NotEqual(With("""{"<x>":1002}""").Identity, With("""{"<y>":1002}""").Identity);
        Assert.Equal(With("""{"<x>":1002}""").Identity, With("""{"<x>":1002}""").Identity);
        Assert.NotEqual(Load("\"add_prefix_space\":null").Identity, Load("\"add_prefix_space\":false").Identity);
    }

    private static TextTokenizer Load(string config, bool framed = false) =>
        TinyTokenizer.Load(("tokenizer.json", TinyTokenizer.Json(framed: framed)), ("tokenizer_config.json", $"{{{Names},{config}}}"));

    internal static void Refused(Func<TextTokenizer> load, params string[] told)
    {
        var error = Record.Exception(load);
        Assert.True(error is NotSupportedException or InvalidDataException, $"not refused: {error}");
        Assert.All(told, text => Assert.Contains(text, error.Message));
    }
}
