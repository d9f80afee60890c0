using Orchestrator.Training.Data;

namespace Orchestrator.Tests.Training.Data;

public sealed class PreferenceDataTests : IDisposable
{
    private readonly DataDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    // 1963 transcripts; in 4 of them the rejected text does not begin with the prompt, in 4 others an answer is blank.
    [SkippableFact]
    public void Transcripts_that_do_not_share_their_prompt_are_counted()
    {
        var report = Prepare("hh_harmless.train.jsonl.gz", "gpt2", new DataOptions { MaxLength = null });
        Assert.Equal((1963L, 1955), (report.RowsRead, report.RowsKept));
        Assert.Equal([(RowProblem.EmptyCompletion, 4L), (RowProblem.PromptMismatch, 4L)], report.Problems.Select(problem => (problem.Kind, problem.Count)).Order());
    }

    [SkippableTheory]
    [InlineData("stories260K")]
    [InlineData("gpt2")]
    [InlineData("llama")]
    [InlineData("qwen2")]
    public void Every_row_of_real_pairs_is_kept_and_reads_as_its_text(string model)
    {
        Assert.Equal(2330, Prepare("pref_strings.train.jsonl", model, new DataOptions { MaxLength = null, FailOnBadRow = true }).RowsKept);
        var tokenizer = TextTokenizer.Load(SharedData.Path($"models/{model}"));
        using var pairs = EncodedPairs.Open(_directory.Target);
        var pair = pairs[0];
        Assert.Equal(
            "What's the easiest way to catch a cold?The easiest way to catch a cold is to get really cold",
            tokenizer.Decode([.. pair.Prompt, .. pair.Rejected]));
        Assert.Equal(tokenizer.EosId, pair.Chosen[^1]);
    }

    [SkippableFact]
    public void Every_real_conversation_is_kept() =>
        Assert.Equal(730, Prepare("pref_conversational_benign.train.jsonl", "gpt2", new DataOptions { MaxLength = null, FailOnBadRow = true }).RowsKept);

    private DataReport Prepare(string file, string model, DataOptions options) => DataPreparation.Prepare(
        options, [SharedData.Path($"preferences/{file}")], TextTokenizer.Load(SharedData.Path($"models/{model}")), new TranscriptFormat(), _directory.Target);
}
