using System.Text;
using Orchestrator.Training.Data;
using static Orchestrator.Tests.Training.Data.TinyTokenizer;

namespace Orchestrator.Tests.Training.Data;

public sealed class DataPreparationTests : IDisposable
{
    private const string Good = """{"prompt":"Q:","chosen":" yes","rejected":" no"}""";

    private readonly DataDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("{\"prompt\":", RowProblem.BrokenJson)]
    [InlineData("""{"prompt":"Q:","chosen":" yes"}""", RowProblem.MissingField)]
    [InlineData("""{"question":"Q:"}""", RowProblem.MissingField)]
    [InlineData("""{"text":"one answer"}""", RowProblem.MissingField)]
    [InlineData("""["a","b"]""", RowProblem.WrongType)]
    [InlineData("""{"prompt":"Q:","chosen":" yes","rejected":3}""", RowProblem.WrongType)]
    [InlineData("""{"prompt":"Q:","chosen":" yes","rejected":null}""", RowProblem.WrongType)]
    [InlineData("""{"prompt_ids":[1],"chosen_ids":[2.5],"rejected_ids":[3]}""", RowProblem.WrongType)]
    [InlineData("""{"prompt":[{"role":"user"}],"chosen":"a","rejected":"b"}""", RowProblem.MissingField)]
    [InlineData("""{"prompt":"Q:","chosen":" \n","rejected":" no"}""", RowProblem.EmptyCompletion)]
    [InlineData("""{"prompt":[{"role":"user","content":"a"}],"chosen":[],"rejected":[{"role":"assistant","content":"b"}]}""", RowProblem.EmptyCompletion)]
    [InlineData("""{"prompt_ids":[1],"chosen_ids":[2],"rejected_ids":[]}""", RowProblem.EmptyCompletion)]
    [InlineData("""{"prompt_ids":[],"chosen_ids":[2],"rejected_ids":[3]}""", RowProblem.EmptyPrompt)]
    [InlineData("""{"prompt":"Q:","chosen":" yes","rejected":" yes"}""", RowProblem.SameAnswers)]
    [InlineData("""{"chosen":"same","rejected":"same"}""", RowProblem.SameAnswers)]
    [InlineData("""{"prompt_ids":[1],"chosen_ids":[2],"rejected_ids":[2]}""", RowProblem.SameAnswers)]
    [InlineData("""{"prompt":"a","chosen":[{"role":"assistant","content":"b"}],"rejected":[{"role":"assistant","content":"b"}]}""", RowProblem.SameAnswers)]
    [InlineData("""{"chosen":"\n\nHuman: a\n\nAssistant: b","rejected":"\n\nHuman: c\n\nAssistant: d"}""", RowProblem.PromptMismatch)]
    [InlineData("""{"chosen":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"rejected":[{"role":"user","content":"x"},{"role":"assistant","content":"c"}]}""", RowProblem.PromptMismatch)]
    [InlineData("""{"prompt":[{"role":"wizard","content":"a"}],"chosen":"b","rejected":"c"}""", RowProblem.TemplateRefused)]
    [InlineData("""{"prompt_ids":[1],"chosen_ids":[2],"rejected_ids":[1002]}""", RowProblem.IdOutOfRange)]
    [InlineData("""{"prompt_ids":[-1],"chosen_ids":[2],"rejected_ids":[3]}""", RowProblem.IdOutOfRange)]
    [InlineData("""{"prompt":"a prompt that alone fills more than twenty tokens","chosen":" yes","rejected":" no"}""", RowProblem.TooLong)]
    public void A_bad_row_is_skipped_and_counted_by_kind_with_its_line(string line, RowProblem kind)
    {
        var report = _directory.Prepare($"{Good}\n\n{line}\n{Good}\n", new DataOptions { MaxLength = 30, VocabularySize = 1002 }, chat: new TranscriptFormat());
        var problem = Assert.Single(report.Problems);
        Assert.Equal((kind, 1L), (problem.Kind, problem.Count));
        Assert.Equal((_directory.At("rows.jsonl"), 3L), (problem.First[0].File, problem.First[0].Line));
        Assert.NotEqual("", problem.First[0].Detail);
        Assert.Equal((3L, 2, 1L), (report.RowsRead, report.RowsKept, report.RowsSkipped));
        using var pairs = EncodedPairs.Open(_directory.Target);
        Assert.Equal([1L, 4L], Enumerable.Range(0, pairs.Count).Select(row => pairs.SourceOf(row).Line));
    }

    [Fact]
    public void Only_the_first_three_places_of_a_kind_are_named_and_kinds_come_by_their_number()
    {
        var report = _directory.Prepare($"[]\n{Good}\n{{\n{{\n{{\n{{\n");
        Assert.Equal([(RowProblem.BrokenJson, 4L), (RowProblem.WrongType, 1L)], report.Problems.Select(problem => (problem.Kind, problem.Count)));
        Assert.Equal([3L, 4L, 5L], report.Problems[0].First.Select(example => example.Line));
        Assert.Matches(@"^4 rows: broken_json \(.*rows\.jsonl line 3: .*; line 4; line 5; \.\.\.\)$", report.Problems[0].Describe());
    }

    [Fact]
    public void Bad_rows_are_fatal_where_the_options_say_so_and_nothing_is_written()
    {
        var error = Assert.Throws<InvalidDataException>(() => _directory.Prepare($"{Good}\n{{\n{{}}\n", new DataOptions { FailOnBadRow = true }));
        Assert.Contains("2 of 3 rows", error.Message);
        Assert.Contains("broken_json", error.Message);
        Assert.Contains("missing_field", error.Message);
        Assert.Equal(["rows.jsonl"], Directory.GetFiles(_directory.Path).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("", "holds no rows")]
    [InlineData("\uFEFF\n \r\n", "holds no rows")]
    [InlineData("{}\n[]", "None of the 2 rows")]
    public void A_file_without_a_usable_row_is_an_error(string text, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => _directory.Prepare(text)).Message);

    [Fact]
    public void A_missing_file_is_named_before_anything_is_written()
    {
        var files = new[] { _directory.Write("a.jsonl", Good), _directory.At("b.jsonl") };
        var error = Assert.Throws<FileNotFoundException>(() => DataPreparation.Prepare(new DataOptions(), files, Create(), null, _directory.Target));
        Assert.Contains("b.jsonl does not exist", error.Message);
        Assert.Equal(["a.jsonl"], Directory.GetFiles(_directory.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Byte_order_marks_line_ends_blank_lines_zipping_and_a_missing_last_line_end_change_nothing()
    {
        var other = Good.Replace("no", "never");
        _directory.Prepare($"{Good}\n{other}\n");
        var ids = Rows(_directory.Target);
        _directory.Prepare($"\uFEFF{Good}\r\n\r\n  {other} ");
        Assert.Equal(ids, Rows(_directory.Target));
        DataPreparation.Prepare(new DataOptions(), [_directory.WriteZipped("rows.gz", $"{Good}\n{other}")], Create(), null, _directory.Target);
        Assert.Equal(ids, Rows(_directory.Target));
        DataPreparation.Prepare(new DataOptions(), [_directory.Write("a", Good), _directory.Write("b", other)], Create(), null, _directory.Target);
        Assert.Equal(ids, Rows(_directory.Target));
        using var pairs = EncodedPairs.Open(_directory.Target);
        Assert.Equal((1, 1L), pairs.SourceOf(1));
    }

    [Theory]
    [InlineData(20)]
    [InlineData(20_000)]
    [InlineData(40_000)]
    [InlineData(-30)]
    [InlineData(-9)]
    [InlineData(-1)]
    public void A_zipped_file_cut_short_is_an_error_that_names_it(int at)
    {
        var noise = new Orchestrator.Core.SplitMix64(1);
        var lines = string.Concat(Enumerable.Range(0, 3000).Select(_ => $$"""{"prompt":"{{noise.Next(1 << 30)}}","chosen":" {{noise.Next(1 << 30)}}","rejected":"x"}""" + "\n"));
        var bytes = File.ReadAllBytes(_directory.WriteZipped("whole.gz", lines));
        var error = Assert.Throws<InvalidDataException>(() =>
            DataPreparation.Prepare(new DataOptions(), [_directory.Write("half.gz", bytes[..((at + bytes.Length) % bytes.Length)])], Create(), null, _directory.Target));
        Assert.Contains("half.gz", error.Message);
    }

    [Fact]
    public void Bytes_that_are_no_text_and_half_surrogates_become_replacement_characters()
    {
        byte[] line = [.. """{"prompt":"Q:","chosen":" """u8, 0xFF, .. "\",\"rejected\":\"\\ud800\\n\"}"u8];
        DataPreparation.Prepare(new DataOptions(), [_directory.Write("rows.jsonl", line)], Create(), null, _directory.Target);
        Assert.Equal([Ids("Q:"), Ids(" \uFFFD$"), Ids("\uFFFD\n$")], Rows(_directory.Target));
    }

    [Fact]
    public void A_line_of_megabytes_is_a_row_like_any_other()
    {
        var report = _directory.Prepare($$"""{"prompt":"Q:","chosen":" {{new string('a', 3_000_000)}}","rejected":" no"}""" + "\n" + Good, new DataOptions { MaxLength = 100 });
        Assert.Equal((2, 1L, 100), (report.RowsKept, report.TruncatedCompletions, report.SequenceTokens.Max));
    }

    // TRL: max_length 6, keep_start; the row whose prompt alone has 6 tokens or more is removed, "Hi" with " there" and " bye" stays.
    [Fact]
    public void A_prompt_longer_than_the_length_removes_its_row()
    {
        var report = _directory.Prepare("""
            {"prompt":"a very long prompt","chosen":" there","rejected":" bye"}
            {"prompt":"Hi","chosen":" there","rejected":" bye"}
            """, new DataOptions { MaxLength = 6 });
        Assert.Equal((2L, 1, RowProblem.TooLong), (report.RowsRead, report.RowsKept, report.Problems[0].Kind));
        Assert.Equal([Ids("Hi"), Ids(" the"), Ids(" bye")], Rows(_directory.Target));
    }

    [Fact]
    public void The_papers_rule_keeps_the_end_of_transcripts_and_the_start_of_other_prompts()
    {
        var options = new DataOptions { MaxLength = 8, MaxPromptLength = 5, TruncationMode = TruncationMode.Paper };
        Assert.Equal([Ids("01234"), Ids(" a$"), Ids(" bc")], _directory.FirstRow("""{"prompt":"0123456789","chosen":" a","rejected":" bcd"}""", options));
        Assert.Equal([Ids("tant:"), Ids(" a$"), Ids(" bc")], _directory.FirstRow("""{"chosen":"\n\nHuman: x\n\nAssistant: a","rejected":"\n\nHuman: x\n\nAssistant: bcd"}""", options));
    }

    // Prompts of 2, 2, 4 tokens; answers of 5 and 4, 2 and 3, 2 and 3 (with their end tokens); the second row's answers become " " and " " at 3 tokens.
    [Fact]
    public void The_report_counts_lengths_and_what_was_cut()
    {
        var report = _directory.Prepare("""
            {"prompt":"Q:","chosen":" yes","rejected":" no"}
            {"prompt":"Q:","chosen":"a","rejected":"bc"}
            {"prompt":"abcd","chosen":"e","rejected":"ff"}
            """, new DataOptions { MaxLength = 6 });
        Assert.Equal(new TokenStatistics(2, 2, 4, 4, 8.0 / 3, 8), report.PromptTokens);
        Assert.Equal(new TokenStatistics(2, 2, 4, 4, 17.0 / 6, 17), report.CompletionTokens);
        Assert.Equal(new TokenStatistics(4, 6, 6, 6, 33.0 / 6, 33), report.SequenceTokens);
        Assert.Equal(new TokenStatistics(7, 8, 10, 10, 25.0 / 3, 25), report.RowTokens);
        Assert.Equal((0L, 2L, 0L), (report.TruncatedPrompts, report.TruncatedCompletions, report.SameAfterTruncation));
        Assert.Equal(1L, _directory.Prepare("""{"prompt":"Q:","chosen":"abc","rejected":"abd"}""", new DataOptions { MaxLength = 4 }).SameAfterTruncation);
    }

    [Fact]
    public void The_same_rows_give_the_same_bytes_and_order_however_many_they_are()
    {
        var lines = string.Concat(Enumerable.Range(0, 5000).Select(row => $$"""{"prompt":"{{row}}","chosen":" yes","rejected":" no"}""" + "\n"));
        var first = _directory.Prepare(lines);
        var bytes = File.ReadAllBytes(_directory.Target);
        Assert.Equal(first, _directory.Prepare(lines) with { Files = first.Files, Formats = first.Formats, Problems = first.Problems, RowsKeptOfFile = first.RowsKeptOfFile });
        Assert.Equal<int>([5000], first.RowsKeptOfFile);
        Assert.Equal(bytes, File.ReadAllBytes(_directory.Target));
        Assert.Equal((5000, bytes.LongLength), (first.RowsKept, first.Bytes));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes)), first.Sha256);
        using var pairs = EncodedPairs.Open(_directory.Target);
        Assert.Equal(Ids("4321"), pairs[4321].Prompt);
    }

    [Fact]
    public void A_cancelled_preparation_leaves_nothing()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() =>
            DataPreparation.Prepare(new DataOptions(), [_directory.Write("a", Good)], Create(), null, _directory.Target, cancelled.Token));
        Assert.Equal(["a"], Directory.GetFiles(_directory.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Options_that_do_not_hold_are_named()
    {
        var error = Assert.Throws<ArgumentException>(() => new DataOptions { MaxLength = 1, MaxPromptLength = 7, Format = "csv" }.Check());
        Assert.Contains("MaxLength", error.Message);
        Assert.Contains("max_prompt_length is 7", error.Message);
        Assert.Contains("format is \"csv\"", error.Message);
        new DataOptions().Check();
    }

    private static int[][] Rows(string path)
    {
        using var pairs = EncodedPairs.Open(path);
        var rows = new List<int[]>();
        for (var row = 0; row < pairs.Count; row++)
        {
            rows.AddRange([pairs[row].Prompt.ToArray(), pairs[row].Chosen.ToArray(), pairs[row].Rejected.ToArray()]);
        }

        return [.. rows];
    }
}
