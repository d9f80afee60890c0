namespace Orchestrator.Tests.Training.Data;

/// <summary>
/// One row for each part that no known model's vectors reach. Every row was run through Hugging Face's own library (tokenizers, the Rust one)
/// with the same tokenizer.json, and gave these pieces.
/// </summary>
public class TokenizerPartTests
{
    private const string Split = "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\"-\"},\"invert\":false,\"behavior\":";
    private const string SplitBetween = "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\"-\"},\"invert\":true,\"behavior\":";
    private const string SplitRegex = "\"pre_tokenizer\":{\"type\":\"Split\",\"invert\":false,\"pattern\":{\"Regex\":";
    private const string Metaspace = "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\u2581\",\"prepend_scheme\":";
    private const string AddedX = ",\"added_tokens\":[{\"id\":900,\"content\":\"X\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}]";

    // Lowercase goes letter by letter: a final sigma is an ordinary one, a dotted capital I becomes two characters.
    [Theory]
    [InlineData("""{"type":"Lowercase"}""", "AbC \u00C9\u01C5 \u0391\u03A3 \u0130\u1E9E", "abc \u00E9\u01C6 \u03B1\u03C3 i\u0307\u00DF")]
    [InlineData("""{"type":"Strip","strip_left":true,"strip_right":false}""", "\t\u00A0 ab \n", "ab \n")]
    [InlineData("""{"type":"Strip","strip_left":false,"strip_right":true}""", " ab \u3000\u0085\n", " ab")]
    [InlineData("""{"type":"Strip","strip_left":true,"strip_right":true}""", " \u200Bab\u001F ", "\u200Bab\u001F")]
    [InlineData("""{"type":"Strip","strip_left":true,"strip_right":true}""", " \n ", "")]
    [InlineData("""{"type":"NFD"}""", "\u00E9\u1E69\uAC01", "e\u0301s\u0323\u0307\u1100\u1161\u11A8")]
    [InlineData("""{"type":"NFC"}""", "e\u0301s\u0307\u0323\u2126\uFB01", "\u00E9\u1E69\u03A9\uFB01")]
    [InlineData("""{"type":"Prepend","prepend":"__"}""", "ab", "__ab")]
    [InlineData("""{"type":"Prepend","prepend":"__"}""", "", "")]
    [InlineData("""{"type":"Replace","pattern":{"String":"a."},"content":"-"}""", "ab a.a.", "ab --")]
    [InlineData("""{"type":"Replace","pattern":{"Regex":"a."},"content":"-"}""", "ab a.c", "- -c")]
    [InlineData("""{"type":"Replace","pattern":{"Regex":" {2,}"},"content":""}""", "a  b c", "ab c")]
    [InlineData("""{"type":"Replace","pattern":{"Regex":"x*"},"content":"-"}""", "abx", "-a-b-")]
    [InlineData("""{"type":"Replace","pattern":{"String":""},"content":"-"}""", "ab", "-a-b-")]
    [InlineData("""{"type":"ByteLevel"}""", "a \u00E9", "a\u0120\u00C3\u00A9")]
    [InlineData("""{"type":"Sequence","normalizers":[{"type":"Strip","strip_left":true,"strip_right":true},{"type":"Lowercase"},{"type":"Prepend","prepend":"_"}]}""", " AB ", "_ab")]
    public void A_normalizer_changes_a_text_as_the_library_does(string normalizer, string text, string expected) => TokenizerPieces.Check($"\"normalizer\":{normalizer}", text, expected);

    // Of the reference's page on Split: "the-final--countdown".
    [Theory]
    [InlineData(Split + "\"Removed\"}", "the-final--countdown", "the|final|countdown")]
    [InlineData(Split + "\"Isolated\"}", "the-final--countdown", "the|-|final|-|-|countdown")]
    [InlineData(Split + "\"MergedWithPrevious\"}", "the-final--countdown", "the-|final-|-|countdown")]
    [InlineData(Split + "\"MergedWithNext\"}", "the-final--countdown", "the|-final|-|-countdown")]
    [InlineData(Split + "\"Contiguous\"}", "the-final--countdown", "the|-|final|--|countdown")]
    [InlineData(Split + "\"Removed\"}", "-a-", "a")]
    [InlineData(Split + "\"MergedWithPrevious\"}", "--a-", "-|-|a-")]
    [InlineData(Split + "\"MergedWithNext\"}", "-a--", "-a|-|-")]
    [InlineData(Split + "\"Contiguous\"}", "--a--", "--|a|--")]
    [InlineData(SplitBetween + "\"Removed\"}", "a-b--c", "-|-|-")]
    [InlineData(SplitBetween + "\"Removed\"}", "abc", "")]
    [InlineData(SplitBetween + "\"Isolated\"}", "a-b--c", "a|-|b|-|-|c")]
    [InlineData(SplitBetween + "\"MergedWithPrevious\"}", "a-b--c", "a|-b|-|-c")]
    [InlineData(SplitBetween + "\"MergedWithNext\"}", "a-b--c", "a-|b-|-|c")]
    [InlineData(SplitBetween + "\"Contiguous\"}", "a-b--c", "a|-|b|--|c")]
    [InlineData(SplitRegex + "\"[bc]+\"},\"behavior\":\"MergedWithPrevious\"}", "abcab", "abc|ab")]
    [InlineData(SplitRegex + "\"^b\"},\"behavior\":\"Isolated\"}", "a\nbb", "a\n|b|b")]
    [InlineData(SplitRegex + "\"\\\\s+$\"},\"behavior\":\"Isolated\"}", "ab \n c ", "ab| |\n c| ")]
    [InlineData("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\"\"},\"invert\":false,\"behavior\":\"Isolated\"}", "ab", "a|b")]
    [InlineData(SplitRegex + "\"x*\"},\"behavior\":\"Isolated\"}", "abxxcd", "a|b|xx|c|d")]
    [InlineData(SplitRegex + "\"(?=[A-Z])\"},\"behavior\":\"Removed\"}", "aBcD", "a|Bc|D")]
    public void A_split_leaves_the_pieces_of_its_behaviour(string part, string text, string expected) => TokenizerPieces.Check(part, text, expected);

    [Theory]
    [InlineData(Metaspace + "\"always\",\"split\":true}", "ab  cXd e", "\u2581ab|\u2581|\u2581c|[X]|\u2581d|\u2581e")]
    [InlineData(Metaspace + "\"first\",\"split\":true}", "ab  cXd e", "\u2581ab|\u2581|\u2581c|[X]|d|\u2581e")]
    [InlineData(Metaspace + "\"first\",\"split\":true}", "Xd e", "[X]|d|\u2581e")]
    [InlineData("\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"__\"}," + Metaspace + "\"first\",\"split\":true}", " ab", "\u2581__ab")]
    [InlineData("\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFD\"},{\"type\":\"Prepend\",\"prepend\":\"_\"}]}," + Metaspace + "\"first\",\"split\":true}", "\u00E9", "\u2581_e\u0301")]
    [InlineData(Metaspace + "\"never\",\"split\":true}", "ab cXd e", "ab|\u2581c|[X]|d|\u2581e")]
    [InlineData(Metaspace + "\"always\",\"split\":false}", "ab cX d e", "\u2581ab\u2581c|[X]|\u2581d\u2581e")]
    [InlineData(Metaspace + "\"first\",\"split\":false}", " ab cXd", "\u2581ab\u2581c|[X]|d")]
    [InlineData(Metaspace + "\"never\",\"split\":false}", "ab c", "ab\u2581c")]
    [InlineData("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"add_prefix_space\":true}", "ab c", "_ab|_c")]
    [InlineData("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"add_prefix_space\":false,\"prepend_scheme\":\"never\"}", "ab c", "ab|_c")]
    public void Metaspace_marks_words_and_the_beginning(string part, string text, string expected) => TokenizerPieces.Check(part + AddedX, text, expected);

    [Theory]
    [InlineData("""{"type":"Digits","individual_digits":true}""", "ab123\u00BD\u2167c", "ab|1|2|3|\u00BD|\u2167|c")]
    [InlineData("""{"type":"Digits","individual_digits":false}""", "ab123\u00BD\u2167c 4", "ab|123\u00BD\u2167|c |4")]
    [InlineData("""{"type":"Punctuation"}""", "a$b!?\u00AB\u20AC c", "a|$|b|!|?|\u00AB|\u20AC c")]
    [InlineData("""{"type":"Punctuation","behavior":"Contiguous"}""", "a!?b", "a|!?|b")]
    [InlineData("""{"type":"Punctuation","behavior":"Removed"}""", "a!?b", "a|b")]
    [InlineData("""{"type":"Punctuation","behavior":"MergedWithPrevious"}""", "a!?b", "a!|?|b")]
    [InlineData("""{"type":"Punctuation","behavior":"MergedWithNext"}""", "a!?b", "a|!|?b")]
    [InlineData("""{"type":"Whitespace"}""", "Hey_1 man! 'tis\u00A0e\u0301\u2028$\u20AC", "Hey_1|man|!|'|tis|e\u0301|$\u20AC")]
    [InlineData("""{"type":"WhitespaceSplit"}""", "a! b\u00A0\u3000c\u200Bd\u0085\u001Fe", "a!|b|c\u200Bd|\u001Fe")]
    [InlineData("""{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""", "it's 12 \u00E9", "\u0120it|'s|\u012012|\u0120\u00C3\u00A9")]
    [InlineData("""{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":false}""", "it's 12", "\u0120it's\u012012")]
    [InlineData("""{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false}""", "  a", "\u0120|\u0120a")]
    [InlineData("""{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"Punctuation"},{"type":"Metaspace","replacement":"_","prepend_scheme":"first","split":true}]}""", "a 12, b", "_a|_|1|2|,|_b")]
    [InlineData("""{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":false}]}""", "a b", "\u0120a|\u0120b")]
    public void A_pre_tokenizer_cuts_a_text_as_the_library_does(string part, string text, string expected) => TokenizerPieces.Check($"\"pre_tokenizer\":{part}", text, expected);
}
