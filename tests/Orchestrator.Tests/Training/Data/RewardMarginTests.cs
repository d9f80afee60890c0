using System.Buffers.Binary;
using Orchestrator.Training.Data;
using static Orchestrator.Tests.Training.Data.TinyTokenizer;

namespace Orchestrator.Tests.Training.Data;

/// <summary>Pairs whose rows say by how much the chosen answer is the better one, for losses that compare with rewards.</summary>
public sealed class RewardMarginTests : IDisposable
{
    private static readonly DataOptions Margins = new() { RewardMargins = true };

    private readonly DataDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Every_way_to_give_rewards_is_read()
    {
        var report = _directory.Prepare("""
            {"prompt":"Q:","chosen":" a","rejected":" b","margin":-0.25}
            {"prompt":"Q:","chosen":" a","rejected":" b","chosen_reward":4,"rejected_reward":"1.5"}
            {"prompt":"Q:","chosen":" a","rejected":" b","score_chosen":9.0,"score_rejected":2}
            {"history":"Q","human_ref_A":"no","human_ref_B":"yes","labels":0,"score_A":3,"score_B":7}
            {"prompt":"Q","completions":[{"response":"a","score":5},{"response":"b","score":1},{"response":"c","score":2}]}
            {"prompt_ids":[81],"chosen_ids":[65],"rejected_ids":[66],"margin":1e-3}
            """, Margins, chat: new TranscriptFormat());
        Assert.Equal((6, 0L), (report.RowsKept, report.RowsSkipped));
        using var pairs = EncodedPairs.Open(_directory.Target);
        Assert.Equal(RowNote.RewardMargin, pairs.Note);
        Assert.Equal([-0.25, 2.5, 7, 4, 4, 1e-3], Enumerable.Range(0, 6).Select(pairs.RewardMarginOf));
        Assert.Equal(Ids(" b$"), pairs[2].Rejected);
        Assert.Throws<ArgumentOutOfRangeException>(() => pairs.RewardMarginOf(6));
    }

    [Theory]
    [InlineData("""{"prompt":"Q:","chosen":" a","rejected":" b"}""", "the row has none; needed: \"margin\"")]
    [InlineData("""{"prompt":"Q:","chosen":" a","rejected":" b","chosen_reward":4}""", "numbers in both")]
    [InlineData("""{"prompt":"Q:","chosen":" a","rejected":" b","margin":"N/A"}""", "\"margin\" is no number")]
    [InlineData("""{"history":"Q","human_ref_A":"no","human_ref_B":"yes","labels":1}""", "the row has none")]
    public void A_row_without_rewards_is_named(string line, string detail)
    {
        var report = _directory.Prepare("""{"prompt":"Q:","chosen":" a","rejected":" b","margin":1}""" + "\n" + line, Margins, chat: new TranscriptFormat());
        var problem = Assert.Single(report.Problems);
        Assert.Equal((RowProblem.MissingScore, 1), (problem.Kind, report.RowsKept));
        Assert.Contains(detail, problem.First[0].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Rewards_may_have_another_name_and_other_losses_do_not_ask_for_them()
    {
        const string Line = """{"prompt":"Q:","chosen":" a","rejected":" b","gap":3}""";
        Assert.Equal(1, _directory.Prepare(Line, Margins with { Columns = new Dictionary<string, string> { ["margin"] = "gap" } }).RowsKept);
        Assert.Equal(1, _directory.Prepare(Line, new DataOptions()).RowsKept);
        using var pairs = EncodedPairs.Open(_directory.Target);
        Assert.Equal(RowNote.None, pairs.Note);
        Assert.Throws<InvalidOperationException>(() => pairs.RewardMarginOf(0));
        Assert.Contains("belong to pairs", Assert.Throws<ArgumentException>(() => (Margins with { CompletionsPerRow = 1 }).Check()).Message, StringComparison.Ordinal);
    }

    // 64 bytes of header, 6 ids of 4 bytes, 2 index entries of 32 bytes, 2 margins of 8.
    [Fact]
    public void The_bytes_are_those_of_the_description_and_a_margin_that_is_no_number_is_refused()
    {
        using (var writer = new EncodedPairsWriter(_directory.Target, completionsPerRow: 2, RowNote.RewardMargin))
        {
            writer.Add([1], [2], [3], rewardMargin: -1.5);
            writer.Add([4], [5], [6], rewardMargin: 8);
            Assert.Throws<ArgumentException>(() => writer.Add([1], [2], [3]));
            Assert.Throws<ArgumentException>(() => writer.Add([1], [2], [3], rewardMargin: double.NaN));
            Assert.Throws<ArgumentException>(() => writer.Add([1], [2], [3], desirable: true, rewardMargin: 1));
            writer.Commit();
        }

        var bytes = File.ReadAllBytes(_directory.Target);
        Assert.Equal(64 + 24 + 64 + 16, bytes.Length);
        Assert.Equal((2, -1.5, 8.0), (bytes[40], BinaryPrimitives.ReadDoubleLittleEndian(bytes.AsSpan(^16)), BinaryPrimitives.ReadDoubleLittleEndian(bytes.AsSpan(^8))));
        BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(^8), double.PositiveInfinity);
        File.WriteAllBytes(_directory.Target, bytes);
        using var pairs = EncodedPairs.Open(_directory.Target);
        Assert.Equal(-1.5, pairs.RewardMarginOf(0));
        Assert.Contains("damaged", Assert.Throws<InvalidDataException>(() => pairs.RewardMarginOf(1)).Message, StringComparison.Ordinal);
    }
}
