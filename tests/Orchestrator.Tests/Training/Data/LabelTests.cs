using Orchestrator.Training.Data;
using static Orchestrator.Tests.Training.Data.TinyTokenizer;

namespace Orchestrator.Tests.Training.Data;

/// <summary>Rows of one answer with a label, for kto; pairs give two of them.</summary>
public sealed class LabelTests : IDisposable
{
    private static readonly DataOptions Labels = new() { CompletionsPerRow = 1, Labels = true };

    private readonly DataDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_row_is_read_with_its_label_and_a_pair_gives_two()
    {
        var report = _directory.Prepare("""
            {"prompt":"Q:","completion":" yes","label":true}
            {"prompt":"Q:","completion":" no","label":0}
            {"prompt":"Q:","chosen":" a","rejected":" b"}
            {"prompt":[{"role":"user","content":"a"}],"completion":[{"role":"assistant","content":"b"}],"label":false}
            {"prompt_ids":[81],"completion_ids":[65],"label":1}
            """, Labels, chat: new TranscriptFormat());
        Assert.Equal((6, 5L, 0L, 3), (report.RowsKept, report.RowsRead, report.RowsSkipped, report.Desirable));
        Assert.Equal(["5 of 5 rows kept (completion 2, completion_ids 1, completion_messages 1, strings 1)", "answers: 3 desirable, 3 undesirable"], report.Lines().Take(2));
        using var pairs = EncodedPairs.Open(_directory.Target);
        Assert.Equal(RowNote.Label, pairs.Note);
        Assert.Equal([true, false, true, false, false, true], Enumerable.Range(0, 6).Select(pairs.IsDesirable));
        Assert.Equal(Ids(" a$"), pairs[2].Chosen);
        Assert.Equal(Ids(" b$"), pairs[3].Chosen);
        Assert.Equal(Ids("Q:"), pairs[3].Prompt);
        Assert.True(pairs[3].Rejected.IsEmpty);
        Assert.Equal((0, 3L), pairs.SourceOf(3));
        Assert.Throws<ArgumentOutOfRangeException>(() => pairs.IsDesirable(6));
    }

    [Theory]
    [InlineData("""{"prompt":"Q:","completion":" yes"}""", RowProblem.MissingField, "\"label\" is missing; needed: true or false")]
    [InlineData("""{"prompt":"Q:","completion":" yes","label":"good"}""", RowProblem.WrongType, "\"label\" is a text; needed: true or false")]
    [InlineData("""{"prompt":"Q:","completion":" yes","label":2}""", RowProblem.WrongType, "\"label\" is the number 2")]
    [InlineData("""{"prompt":"Q:","completion":" yes","label":null}""", RowProblem.WrongType, "\"label\" is null")]
    [InlineData("""{"prompt_ids":[1],"chosen_ids":[2],"rejected_ids":[]}""", RowProblem.EmptyCompletion, "\"rejected\" has no tokens")]
    [InlineData("""{"prompt":"Q:","chosen":" yes","rejected":" yes"}""", RowProblem.SameAnswers, "the same")]
    public void A_row_that_cannot_be_used_is_named(string line, RowProblem kind, string detail)
    {
        var report = _directory.Prepare($$"""{"prompt":"Q:","completion":" yes","label":true}""" + "\n" + line, Labels);
        var problem = Assert.Single(report.Problems);
        Assert.Equal((kind, 1L, 1), (problem.Kind, report.RowsSkipped, report.RowsKept));
        Assert.Contains(detail, problem.First[0].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_may_have_another_name_and_rows_of_other_losses_have_none()
    {
        const string Line = """{"prompt":"Q:","completion":" yes","good":true}""";
        Assert.Equal(1, _directory.Prepare(Line, Labels with { Columns = new Dictionary<string, string> { ["label"] = "good" } }).Desirable);
        Assert.Null(_directory.Prepare(Line, new DataOptions { CompletionsPerRow = 1 }).Desirable);
        using var pairs = EncodedPairs.Open(_directory.Target);
        Assert.Equal(RowNote.None, pairs.Note);
        Assert.Throws<InvalidOperationException>(() => pairs.IsDesirable(0));
        Assert.Contains("one completion", Assert.Throws<ArgumentException>(() => new DataOptions { Labels = true }.Check()).Message, StringComparison.Ordinal);
    }

    // 64 bytes of header, 4 ids of 4 bytes, 2 index entries of 32 bytes, 2 labels.
    [Fact]
    public void The_bytes_are_those_of_the_description_and_a_spoilt_label_is_refused()
    {
        using (var writer = new EncodedPairsWriter(_directory.Target, completionsPerRow: 1, RowNote.Label))
        {
            writer.Add([1], [2], [], desirable: true);
            writer.Add([3], [4], [], desirable: false);
            Assert.Throws<ArgumentException>(() => writer.Add([1], [2], []));
            writer.Commit();
        }

        var bytes = File.ReadAllBytes(_directory.Target);
        Assert.Equal(64 + 16 + 64 + 2, bytes.Length);
        Assert.Equal((1, (byte)1, (byte)0), (bytes[40], bytes[^2], bytes[^1]));
        bytes[^1] = 7;
        File.WriteAllBytes(_directory.Target, bytes);
        using var pairs = EncodedPairs.Open(_directory.Target);
        Assert.True(pairs.IsDesirable(0));
        Assert.Contains("damaged", Assert.Throws<InvalidDataException>(() => pairs.IsDesirable(1)).Message, StringComparison.Ordinal);
    }
}
