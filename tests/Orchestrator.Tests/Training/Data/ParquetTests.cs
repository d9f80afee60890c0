using System.Text;
using Orchestrator.Training.Data;
using Orchestrator.Training.Data.Rows;
using Parquet;
using Parquet.Serialization;

namespace Orchestrator.Tests.Training.Data;

public sealed class ParquetTests : IDisposable
{
    private readonly DataDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Texts_give_the_same_pairs_as_the_same_rows_in_jsonl()
    {
        var parquet = await Write("rows.parquet", 2,
            new Texts { prompt = "Q:", chosen = " yes", rejected = " no" },
            new Texts { prompt = "Q\"2\":\n", chosen = " é\U0001F600", rejected = " \\" },
            new Texts { prompt = null, chosen = " yes", rejected = " no" },
            new Texts { prompt = "R:", chosen = " 1", rejected = " 2" });
        await AssertSamePairs(parquet, null, """
            {"prompt":"Q:","chosen":" yes","rejected":" no"}
            {"prompt":"Q\"2\":\n","chosen":" é😀","rejected":" \\"}
            {"prompt":null,"chosen":" yes","rejected":" no"}
            {"prompt":"R:","chosen":" 1","rejected":" 2"}
            """);
    }

    [Fact]
    public async Task Conversations_give_the_same_pairs_as_the_same_rows_in_jsonl()
    {
        var parquet = await Write("chats.parquet", 1,
            new Chats { prompt = [Of("system", "s"), Of("user", "a")], chosen = [Of("assistant", "b")], rejected = [Of("assistant", "c")], score_chosen = 2.5, score_rejected = 1 },
            new Chats { prompt = [Of("user", "d"), Of("assistant", "e"), Of("user", "f")], chosen = [Of("assistant", "g")], rejected = [Of("assistant", "h")], score_chosen = 8, score_rejected = 7 },
            new Chats { prompt = [Of("user", "i")], chosen = [], rejected = [Of("assistant", "k")], score_chosen = 3, score_rejected = 2 },
            new Chats { prompt = [Of("user", "l")], chosen = [Of("assistant", "m")], rejected = [Of("assistant", "n")], score_chosen = 3, score_rejected = 3 },
            new Chats { prompt = [Of("user", "o")], chosen = [Of("assistant", "p")], rejected = [Of("assistant", null)], score_chosen = 3, score_rejected = null });
        await AssertSamePairs(parquet, new TranscriptFormat(), """
            {"prompt":[{"role":"system","content":"s"},{"role":"user","content":"a"}],"chosen":[{"role":"assistant","content":"b"}],"rejected":[{"role":"assistant","content":"c"}],"score_chosen":2.5,"score_rejected":1}
            {"prompt":[{"role":"user","content":"d"},{"role":"assistant","content":"e"},{"role":"user","content":"f"}],"chosen":[{"role":"assistant","content":"g"}],"rejected":[{"role":"assistant","content":"h"}],"score_chosen":8,"score_rejected":7}
            {"prompt":[{"role":"user","content":"i"}],"chosen":[],"rejected":[{"role":"assistant","content":"k"}],"score_chosen":3,"score_rejected":2}
            {"prompt":[{"role":"user","content":"l"}],"chosen":[{"role":"assistant","content":"m"}],"rejected":[{"role":"assistant","content":"n"}],"score_chosen":3,"score_rejected":3}
            {"prompt":[{"role":"user","content":"o"}],"chosen":[{"role":"assistant","content":"p"}],"rejected":[{"role":"assistant","content":null}],"score_chosen":3,"score_rejected":null}
            """);
    }

    // A null list, an empty one, nulls and empty lists inside: each place of the levels is taken once.
    [Fact]
    public async Task Nested_lists_nulls_and_numbers_become_the_json_they_stand_for()
    {
        var path = await Write("nested.parquet", 2,
            new Nested { n = 1, d = null, flag = true, deep = [[1, 2], [], [3]], tagged = [new Tagged { name = "x", tags = ["p", "q"] }, new Tagged { name = null, tags = [] }] },
            new Nested { n = -7, d = 0.1, deep = [], tagged = null },
            new Nested { n = 0, d = double.NaN, deep = null, tagged = [new Tagged { name = "y", tags = null }] });
        Assert.Equal(
            [
                """1 1 {"n":1,"d":null,"flag":true,"deep":[[1,2],[],[3]],"tagged":[{"name":"x","tags":["p","q"]},{"name":null,"tags":[]}]}""",
                """1 2 {"n":-7,"d":0.1,"flag":false,"deep":[],"tagged":null}""",
                """2 3 {"n":0,"d":null,"flag":false,"deep":null,"tagged":[{"name":"y","tags":null}]}""",
            ],
            SourceFile.Read([path]).Select(row => $"{row.RowGroup} {row.Line} {Encoding.UTF8.GetString(row.Bytes.Span)}"));
    }

    [Fact]
    public async Task Ids_are_read_and_a_directory_may_mix_kinds_of_files()
    {
        await Write("b.parquet", 10, new Ids { prompt_ids = [1], chosen_ids = [2, 3], rejected_ids = [4] });
        _directory.Write("a.jsonl", """{"prompt_ids":[5],"chosen_ids":[6],"rejected_ids":[7]}""");
        Assert.Equal(2, DataPreparation.Prepare(new DataOptions(), [_directory.Path], null, null, _directory.Target).RowsKept);
        using var pairs = EncodedPairs.Open(_directory.Target);
        Assert.Equal([5], pairs[0].Prompt);
        Assert.Equal([2, 3], pairs[1].Chosen);
        Assert.Equal((1, 1L), pairs.SourceOf(1));
    }

    [Fact]
    public async Task A_bad_row_is_named_by_row_group_row_and_column()
    {
        var path = await Write("bad.parquet", 2,
            new Texts { prompt = "Q:", chosen = " a", rejected = " b" },
            new Texts { prompt = "Q:", chosen = " a", rejected = " b" },
            new Texts { prompt = "Q:", chosen = " a", rejected = null });
        var problem = Assert.Single(Prepare(path, null).Problems);
        Assert.Contains("bad.parquet row group 2, row 3: \"rejected\" is null; needed: a text", problem.Describe());
        Assert.Equal("row group 2, row 3", RowView.Read(new DataOptions(), [path], TinyTokenizer.Create(), null, 2).Place);
    }

    // The bytes behind the leading magic are the first column's page: "prompt" of row group 1.
    [Fact]
    public async Task A_damaged_column_is_named_and_no_pairs_are_written()
    {
        var path = await Write("damaged.parquet", 2, new Texts { prompt = "Q:", chosen = " a", rejected = " b" }, new Texts { prompt = "R:", chosen = " a", rejected = " b" });
        var bytes = await File.ReadAllBytesAsync(path);
        bytes.AsSpan(4, 12).Fill(0xFF);
        await File.WriteAllBytesAsync(path, bytes);
        var error = Assert.Throws<InvalidDataException>(() => Prepare(path, null));
        Assert.Contains("damaged.parquet, row group 1 (rows 1 to 2), column \"prompt\":", error.Message);
        Assert.False(File.Exists(_directory.Target));
    }

    [Theory]
    [InlineData(7, "cut short")]
    [InlineData(300, "no whole Parquet file")]
    public async Task A_file_that_is_cut_short_is_an_error(int kept, string message)
    {
        var path = await Write("cut.parquet", 2, new Texts { prompt = "Q:", chosen = " a", rejected = " b" });
        await File.WriteAllBytesAsync(path, (await File.ReadAllBytesAsync(path))[..kept]);
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => Prepare(path, null)).Message);
    }

    [Fact]
    public void A_text_under_the_name_of_a_parquet_file_is_an_error() =>
        Assert.Contains("no Parquet file", Assert.Throws<InvalidDataException>(() => Prepare(_directory.Write("lfs.parquet", "version https://git-lfs.github.com/spec/v1\n"), null)).Message);

    private async Task AssertSamePairs(string parquet, IChatFormat? chat, string lines)
    {
        var report = Prepare(parquet, chat);
        var bytes = await File.ReadAllBytesAsync(_directory.Target);
        var same = _directory.Prepare(lines, chat: chat);
        Assert.True(same.RowsKept >= 2);
        Assert.Equal(await File.ReadAllBytesAsync(_directory.Target), bytes);
        Assert.Equal(same.Problems.Select(problem => (problem.Kind, problem.Count, problem.First[0].Line)), report.Problems.Select(problem => (problem.Kind, problem.Count, problem.First[0].Line)));
    }

    private DataReport Prepare(string path, IChatFormat? chat) => DataPreparation.Prepare(new DataOptions(), [path], TinyTokenizer.Create(), chat, _directory.Target);

    private async Task<string> Write<T>(string name, int rowsPerGroup, params T[] rows)
    {
        await using var file = File.Create(_directory.At(name));
        await ParquetSerializer.SerializeAsync(rows, file, new ParquetOptions { RowGroupSize = rowsPerGroup });
        return _directory.At(name);
    }

    private static Message Of(string role, string? content) => new() { role = role, content = content };

#pragma warning disable IDE1006 // Columns are called as the data sets call them.
    private sealed class Texts
    {
        public string? prompt { get; set; }

        public string? chosen { get; set; }

        public string? rejected { get; set; }
    }

    private sealed class Message
    {
        public string? role { get; set; }

        public string? content { get; set; }
    }

    private sealed class Chats
    {
        public List<Message>? prompt { get; set; }

        public List<Message>? chosen { get; set; }

        public List<Message>? rejected { get; set; }

        public double score_chosen { get; set; }

        public double? score_rejected { get; set; }
    }

    private sealed class Ids
    {
        public List<int>? prompt_ids { get; set; }

        public List<long>? chosen_ids { get; set; }

        public int[]? rejected_ids { get; set; }
    }

    private sealed class Tagged
    {
        public string? name { get; set; }

        public List<string>? tags { get; set; }
    }

    private sealed class Nested
    {
        public int n { get; set; }

        public double? d { get; set; }

        public bool flag { get; set; }

        public List<List<int>>? deep { get; set; }

        public List<Tagged>? tagged { get; set; }
    }
#pragma warning restore IDE1006
}
