using Orchestrator.Training.Data;
using Orchestrator.Training.Data.Cache;

namespace Orchestrator.Tests.Training.Data;

public sealed class TokenCacheTests : IDisposable
{
    private static readonly CancellationToken Cancelled = new(canceled: true);

    private readonly DataDirectory _directory = new();
    private readonly TextTokenizer _tokenizer = TinyTokenizer.Create();
    private readonly string _rows;

    public TokenCacheTests() => _rows = _directory.Write("rows.jsonl", Lines(200) + "{}\n");

    public void Dispose() => _directory.Dispose();

    private string Folder => _directory.At("tokens");

    private string Cached => Directory.GetFiles(Folder, "*.pairs").Single(file => !file.EndsWith(".held-out.pairs", StringComparison.Ordinal));

    // To make tokens is cancelled at once, to find them is not: a second start that returns has tokenised nothing.
    [Fact]
    public void A_second_start_takes_the_same_bytes_and_report_without_tokenising()
    {
        var made = Prepare();
        var bytes = File.ReadAllBytes(_directory.Target);
        Assert.StartsWith("cached in ", made.Note);
        Assert.Throws<OperationCanceledException>(() => DataPreparation.Prepare(new DataOptions(), [_rows], _tokenizer, null, _directory.At("other.pairs"), Cancelled));

        File.Delete(_directory.Target);
        var found = Find();
        Assert.StartsWith("taken from ", found.Note);
        Assert.Equal(bytes, File.ReadAllBytes(_directory.Target));
        Assert.Equal(made.Train.Lines(), found.Train.Lines());
        Assert.Equal((made.Train.Sha256, made.Train.Bytes, 200), (found.Train.Sha256, found.Train.Bytes, found.Train.RowsKept));
        Find();
        Assert.Equal(["out.pairs", "rows.jsonl"], Directory.GetFiles(_directory.Path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void A_split_is_cached_with_both_of_its_sides()
    {
        HoldOut Split(long seed) => new(0.3, seed, _directory.At("eval.pairs"));
        var made = Prepare(holdOut: Split(1));
        var bytes = File.ReadAllBytes(_directory.At("eval.pairs"));
        File.Delete(_directory.At("eval.pairs"));
        var found = Find(holdOut: Split(1));
        Assert.Equal(bytes, File.ReadAllBytes(_directory.At("eval.pairs")));
        Assert.Equal((made.HeldOut!.RowsKept, made.HeldOut.Sha256), (found.HeldOut!.RowsKept, found.HeldOut.Sha256));
        Assert.Throws<OperationCanceledException>(() => Find(holdOut: Split(2)));
        Assert.Throws<OperationCanceledException>(() => Find());
    }

    [Fact]
    public void Whatever_changes_the_tokens_is_tokenised_anew()
    {
        Prepare();
        Assert.Throws<OperationCanceledException>(() => Find(new DataOptions { MaxLength = 100 }));
        Assert.Throws<OperationCanceledException>(() => Find(new DataOptions { Columns = new Dictionary<string, string> { ["prompt"] = "chosen" } }));
        Assert.Throws<OperationCanceledException>(() => Find(tokenizer: TinyTokenizer.Create(["Q 1"])));
        Assert.Throws<OperationCanceledException>(() => Find(chat: new TranscriptFormat()));
        Assert.Throws<OperationCanceledException>(() => Find(chat: ChatTemplate.FromText("{{ messages }}")));

        // As long as before, and changed within the clock's grain: the content counts, not how it looks.
        var written = File.GetLastWriteTimeUtc(_rows);
        File.WriteAllText(_rows, File.ReadAllText(_rows).Replace("Q7:", "Q8:"));
        File.SetLastWriteTimeUtc(_rows, written);
        Assert.Throws<OperationCanceledException>(() => Find());
    }

    [Fact]
    public void The_same_content_under_another_name_is_found_and_reported_under_that_name()
    {
        Prepare();
        var moved = _directory.At("moved.jsonl");
        File.Move(_rows, moved);
        var found = new TokenCache(Folder).Prepare(new DataOptions(), [moved], _tokenizer, null, _directory.Target, null, Cancelled);
        Assert.Equal([moved], found.Train.Files.AsEnumerable());
        Assert.Contains("moved.jsonl line 201", found.Train.Problems[0].Describe());
    }

    [Theory]
    [InlineData("cut", "bytes, not")]
    [InlineData("flipped", "is not what was written")]
    [InlineData("gone", "is gone")]
    [InlineData("record", "is damaged")]
    public void A_damaged_entry_is_told_made_anew_and_whole_again(string how, string told)
    {
        Prepare();
        var whole = File.ReadAllBytes(_directory.Target);
        File.Delete(_directory.Target);
        Damage(how);
        var again = Prepare();
        Assert.StartsWith("made anew: ", again.Note);
        Assert.Contains(told, again.Note);
        Assert.Equal(whole, File.ReadAllBytes(_directory.Target));
        Assert.Equal(whole, File.ReadAllBytes(Cached));
        Assert.StartsWith("taken from ", Find().Note);
    }

    [Fact]
    public void A_file_that_was_touched_but_is_the_same_is_taken()
    {
        Prepare();
        File.SetLastWriteTimeUtc(Cached, File.GetLastWriteTimeUtc(Cached).AddDays(-1));
        Assert.StartsWith("taken from ", Find().Note);
    }

    [Fact]
    public async Task Many_that_start_at_once_get_the_same_and_leave_one_entry()
    {
        var starts = Enumerable.Range(0, 6).Select(number => Task.Run(() =>
        {
            var target = _directory.At($"run{number}/train.pairs");
            new TokenCache(Folder).Prepare(new DataOptions(), [_rows], _tokenizer, null, target, null, CancellationToken.None);
            return File.ReadAllBytes(target);
        }));
        var files = await Task.WhenAll(starts);
        Find();
        Assert.All(files, file => Assert.Equal(File.ReadAllBytes(_directory.Target), file));
        Assert.Equal([".json", ".pairs"], Directory.GetFiles(Folder).Select(Path.GetExtension).Order());
    }

    [Fact]
    public void A_template_that_writes_the_date_is_never_cached() =>
        Assert.Contains("not cached", Prepare(chat: ChatTemplate.FromText("{{ strftime_now('%d') }}")).Note);

    [Fact]
    public void A_folder_that_cannot_be_made_does_no_harm()
    {
        File.WriteAllText(Folder, "a file");
        var made = Prepare();
        Assert.StartsWith("not cached: ", made.Note);
        Assert.Equal(200, made.Train.RowsKept);
    }

    private CachedPreparation Prepare(DataOptions? options = null, TextTokenizer? tokenizer = null, IChatFormat? chat = null, HoldOut? holdOut = null) =>
        Run(options, tokenizer, chat, holdOut, CancellationToken.None);

    private CachedPreparation Find(DataOptions? options = null, TextTokenizer? tokenizer = null, IChatFormat? chat = null, HoldOut? holdOut = null) =>
        Run(options, tokenizer, chat, holdOut, Cancelled);

    private CachedPreparation Run(DataOptions? options, TextTokenizer? tokenizer, IChatFormat? chat, HoldOut? holdOut, CancellationToken cancellation) =>
        new TokenCache(Folder).Prepare(options ?? new DataOptions(), [_rows], tokenizer ?? _tokenizer, chat, _directory.Target, holdOut, cancellation);

    private void Damage(string how)
    {
        var bytes = File.ReadAllBytes(Cached);
        switch (how)
        {
            case "cut":
                File.WriteAllBytes(Cached, bytes[..^1]);
                break;
            case "flipped":
                bytes[100] ^= 1;
                File.WriteAllBytes(Cached, bytes);
                break;
            case "gone":
                File.Delete(Cached);
                break;
            default:
                var record = Directory.GetFiles(Folder, "*.json").Single();
                File.WriteAllText(record, File.ReadAllText(record)[..40]);
                break;
        }
    }

    private static string Lines(int count) => string.Concat(Enumerable.Range(0, count).Select(row => $$"""{"prompt":"Q{{row}}:","chosen":" yes","rejected":" no"}""" + "\n"));
}
