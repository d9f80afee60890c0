using System.Text.Json;
using Orchestrator.Training.Data;

namespace Orchestrator.Tests.Training.Data;

public class TokenizerVectorTests
{
    public static TheoryData<string> Models =>
    [
        "stories260K", "gpt2", "gpt2_hubnames", "gpt_neox_parallel", "gpt_neox_sequential", "llama", "llama_sharded_bf16", "llama3_rope",
        "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi", "phi3",
    ];

    [SkippableTheory]
    [MemberData(nameof(Models))]
    public void Every_known_text_of_a_model_gets_its_known_ids_and_decodes_to_its_known_text(string model)
    {
        var directory = SharedData.Path($"models/{model}");
        var tokenizer = TextTokenizer.Load(directory);
        using var expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(directory, "expected.json")));
        foreach (var known in expected.RootElement.GetProperty("tokenizer").EnumerateArray())
        {
            var text = known.GetProperty("text").GetString()!;
            var ids = Ids(known, "ids");
            Assert.Equal(ids, tokenizer.Encode(text, addSpecialTokens: true));
            Assert.Equal(Ids(known, "ids_no_special"), tokenizer.Encode(text, addSpecialTokens: false));
            Assert.Equal(known.GetProperty("decoded").GetString(), tokenizer.Decode(ids));
        }
    }

    [SkippableFact]
    public void Gpt2_from_vocab_and_merges_gives_the_known_ids()
    {
        var tokenizer = TextTokenizer.Load(SharedData.Path("tokenizers/gpt2"));
        using var vectors = JsonDocument.Parse(File.ReadAllText(SharedData.Path("tokenizers/gpt2/vectors.json")));
        foreach (var known in vectors.RootElement.EnumerateArray())
        {
            var (text, ids) = (known.GetProperty("text").GetString()!, Ids(known, "ids"));
            Assert.Equal(ids, tokenizer.Encode(text, addSpecialTokens: true));
            Assert.Equal(text, tokenizer.Decode(ids));
        }

        Assert.Equal(50257, tokenizer.VocabularySize);
        Assert.Equal(50256, tokenizer.EosId);
    }

    [SkippableFact]
    public void GptNeoX_reads_runs_of_spaces_as_its_added_tokens_and_composes_accents()
    {
        var tokenizer = TextTokenizer.Load(SharedData.Path("tokenizers/gpt-neox"));
        Assert.Equal([50276], tokenizer.Encode("  ", addSpecialTokens: true));
        Assert.Equal([0], tokenizer.Encode("<|endoftext|>", addSpecialTokens: true));
        Assert.Equal(tokenizer.Encode("caf\u00E9", false), tokenizer.Encode("cafe\u0301", false));
        Assert.Equal("if x:\n        return", tokenizer.Decode(tokenizer.Encode("if x:\n        return", false)));
    }

    private static int[] Ids(JsonElement known, string key) => [.. known.GetProperty(key).EnumerateArray().Select(id => id.GetInt32())];
}
