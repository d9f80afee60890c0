using System.Text.Json.Nodes;

namespace Orchestrator.Tests.Training.Data;

/// <summary>A tokenizer.json with anything that could not be computed exactly is refused, and the message names the file, the part and what it found there.</summary>
public class TokenizerRefusalTests
{
    [Theory]
    [InlineData("model", """{"type":"WordPiece","unk_token":"[UNK]","vocab":{}}""", "model \"WordPiece\"")]
    [InlineData("model", """{"type":"Unigram","unk_id":0,"vocab":[["a",-1.0]]}""", "model \"Unigram\"")]
    [InlineData("model", """{"type":"WordLevel","vocab":{}}""", "model \"WordLevel\"")]
    [InlineData("normalizer", """{"type":"BertNormalizer"}""", "normalizer \"BertNormalizer\"")]
    [InlineData("normalizer", """{"type":"Precompiled","precompiled_charsmap":""}""", "normalizer \"Precompiled\"")]
    [InlineData("normalizer", """{"type":"NFKC"}""", "normalizer \"NFKC\"")]
    [InlineData("normalizer", """{"type":"NFKD"}""", "normalizer \"NFKD\"")]
    [InlineData("normalizer", """{"type":"StripAccents"}""", "normalizer \"StripAccents\"")]
    [InlineData("normalizer", """{"type":"Append","append":"x"}""", "normalizer \"Append\"")]
    [InlineData("pre_tokenizer", """{"type":"BertPreTokenizer"}""", "pre-tokenizer \"BertPreTokenizer\"")]
    [InlineData("pre_tokenizer", """{"type":"UnicodeScripts"}""", "pre-tokenizer \"UnicodeScripts\"")]
    [InlineData("pre_tokenizer", """{"type":"FixedLength","length":2}""", "pre-tokenizer \"FixedLength\"")]
    [InlineData("post_processor", """{"type":"RobertaProcessing","sep":["</s>",2],"cls":["<s>",0]}""", "post-processor \"RobertaProcessing\"")]
    [InlineData("post_processor", """{"type":"BertProcessing","sep":["</s>",2],"cls":["<s>",0]}""", "post-processor \"BertProcessing\"")]
    [InlineData("decoder", """{"type":"WordPiece","prefix":"##","cleanup":true}""", "decoder \"WordPiece\"")]
    [InlineData("decoder", """{"type":"CTC"}""", "decoder \"CTC\"")]
    public void An_unknown_type_is_refused(string part, string json, string told) => Refused(part, json, $"tokenizer.json.{part}: {told} is not supported", "Supported: ");

    [Theory]
    [InlineData("normalizer", """{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Nmt"}]}""", ".normalizer.normalizers[1]: normalizer \"Nmt\"")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"CharDelimiterSplit","delimiter":"-"}]}""", ".pretokenizers[0]: pre-tokenizer \"CharDelimiterSplit\"")]
    [InlineData("decoder", """{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"CTC"}]}""", ".decoders[1]: decoder \"CTC\"")]
    [InlineData("post_processor", """{"type":"Sequence","processors":[{"type":"RobertaProcessing"}]}""", ".processors[0]: post-processor \"RobertaProcessing\"")]
    public void An_unknown_type_in_a_sequence_is_refused(string part, string json, string told) => Refused(part, json, told);

    [Theory]
    [InlineData("normalizer", """{"type":"Lowercase","locale":"tr"}""", ".normalizer has the key \"locale\"")]
    [InlineData("pre_tokenizer", """{"type":"Digits","individual_digits":true,"group":3}""", ".pre_tokenizer has the key \"group\"")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"String":"-","Glob":"*"},"behavior":"Removed"}""", ".pre_tokenizer.pattern has the key \"Glob\"")]
    [InlineData("post_processor", """{"type":"ByteLevel","more":1}""", ".post_processor has the key \"more\"")]
    [InlineData("decoder", """{"type":"ByteLevel","more":1}""", ".decoder has the key \"more\"")]
    [InlineData("model", """{"type":"BPE","vocab":{},"merges":[],"more":1}""", ".model has the key \"more\"")]
    [InlineData("more", "1", "tokenizer.json has the key \"more\"")]
    [InlineData("added_tokens", """[{"id":1,"content":"<x>","more":1}]""", ".added_tokens[0] has the key \"more\"")]
    public void An_unknown_key_of_a_known_part_is_refused(string part, string json, string told) => Refused(part, json, told);

    [Theory]
    [InlineData("model", """{"type":"BPE","dropout":0.1,"vocab":{},"merges":[]}""", ".model.dropout: encoding with dropout is random")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":["a b"]}""", ".model.merges[0] needs the token \"b\"")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":["a"]}""", ".model.merges[0] is \"a\"")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":-1},"merges":[]}""", ".model: vocab is")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"String":"-"},"behavior":"Kept"}""", ".pre_tokenizer: behavior is \"Kept\"")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"\\bx"},"behavior":"Removed"}""", ".pre_tokenizer.pattern: the pattern \\bx")]
    [InlineData("pre_tokenizer", """{"type":"Metaspace","prepend_scheme":"last"}""", ".pre_tokenizer: prepend_scheme is \"last\"")]
    [InlineData("added_tokens", """[{"id":1,"content":""}]""", ".added_tokens[0]: content is \"\"")]
    [InlineData("post_processor", """{"type":"TemplateProcessing","single":[],"pair":[],"special_tokens":{}}""", ".post_processor: single is []")]
    public void A_wrong_value_is_refused(string part, string json, string told) => Refused(part, json, told);

    // The library puts the mark where the text as given begins: after "  ab" has lost its spaces, "ab" does not stand there.
    [Theory]
    [InlineData("""{"type":"Strip","strip_left":true,"strip_right":true}""")]
    [InlineData("""{"type":"Sequence","normalizers":[{"type":"Replace","pattern":{"String":"x"},"content":""}]}""")]
    [InlineData("""{"type":"Replace","pattern":{"String":"ab"},"content":"_"}""")]
    [InlineData("""{"type":"Replace","pattern":{"Regex":"^ +"},"content":"_"}""")]
    public void A_mark_at_the_beginning_of_a_text_that_a_normalizer_may_shorten_is_refused(string normalizer)
    {
        var metaspace = """{"type":"Metaspace","replacement":"_","prepend_scheme":"first"}""";
        TokenizerConfigTests.Refused(
            () => TinyTokenizer.Load(("tokenizer.json", Json(("normalizer", normalizer), ("pre_tokenizer", metaspace)))), "tokenizer.json.pre_tokenizer: Metaspace", "tokenizer.json.normalizer");
        TinyTokenizer.Load(("tokenizer.json", Json(("normalizer", normalizer), ("pre_tokenizer", metaspace.Replace("first", "always")))));
    }

    private static void Refused(string part, string json, params string[] told) =>
        TokenizerConfigTests.Refused(() => TinyTokenizer.Load(("tokenizer.json", Json((part, json)))), ["tokenizer.json", .. told]);

    private static string Json(params (string Part, string Json)[] parts)
    {
        var root = JsonNode.Parse(TinyTokenizer.Json())!;
        foreach (var (part, json) in parts)
        {
            root[part] = JsonNode.Parse(json);
        }

        return root.ToJsonString();
    }
}
