using System.Text.Json;
using Orchestrator.Training.Data;
using Orchestrator.Training.Quickstart;

namespace Orchestrator.Tests.Training.Quickstart;

public sealed class BpeTrainerTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("bpe").FullName;

    // Words: "low" x3, "lower" x2, "new" x1. Pairs: l-o and o-w 5 each (l-o first by order), then lo-w 5, then e-r and low-e 2 each: e-r first,
    // then low-er 2; the pairs of "new" occur once and join nothing.
    [Fact]
    public void Merges_the_most_frequent_pair_first_and_stops_where_nothing_repeats()
    {
        var size = BpeTrainer.Train(["low", "low", "low", "lower", "lower", "new"], 500, _directory);
        using var file = JsonDocument.Parse(File.ReadAllText(Path.Combine(_directory, "tokenizer.json")));
        var merges = file.RootElement.GetProperty("model").GetProperty("merges").EnumerateArray().Select(merge => merge.GetString());
        Assert.Equal(["l o", "lo w", "e r", "low er"], merges);
        Assert.Equal(256 + 4 + 1, size);
    }

    [Fact]
    public void The_tokenizer_it_writes_loads_and_brings_every_text_back()
    {
        var texts = Enumerable.Range(0, 300).Select(number => new ReviewGrammar(3).Write(number)).Select(review => review.Prompt + review.Completion).ToArray();
        var size = BpeTrainer.Train(texts, 640, _directory);
        var tokenizer = TextTokenizer.Load(_directory);
        Assert.InRange(size, 500, 640);
        Assert.Equal(size - 1, tokenizer.EosId);
        foreach (var text in texts.Append("Ünseen: 1,234 words!\n\tAnd ✓"))
        {
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text, addSpecialTokens: true)));
        }

        Assert.True(tokenizer.Encode(texts[0], true).Length < texts[0].Length / 4);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}
