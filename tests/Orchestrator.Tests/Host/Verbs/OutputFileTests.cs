using Orchestrator.Host.Verbs;

namespace Orchestrator.Tests.Host.Verbs;

public sealed class OutputFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("file-").FullName;

    private string Target => Path.Combine(_folder, "rows.jsonl");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_file_appears_when_it_is_whole_and_is_not_replaced_unless_told()
    {
        await using (var half = OutputFile.Open("--out", Target, overwrite: false)!)
        {
            await half.Writer.WriteAsync("half");
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder));
        await WriteAsync("first", overwrite: false);
        var refusal = await Assert.ThrowsAsync<ArgumentException>(() => WriteAsync("second", overwrite: false));
        Assert.Equal($"--out is {Target}, which exists. Name another file, or replace it: --overwrite.", refusal.Message);
        Assert.Equal("first", await File.ReadAllTextAsync(Target));
        await WriteAsync("third", overwrite: true);
        Assert.Equal("third", await File.ReadAllTextAsync(Target));
        Assert.Single(Directory.EnumerateFileSystemEntries(_folder));
    }

    [Fact]
    public void A_folder_that_is_not_there_is_told_before_any_work()
    {
        Assert.Throws<DirectoryNotFoundException>(() => OutputFile.Open("--out", Path.Combine(_folder, "absent", "rows.jsonl"), false));
        Assert.Throws<ArgumentException>(() => OutputFile.Open("--out", _folder, true));
        Assert.Null(OutputFile.Open("--out", null, false));
    }

    private async Task WriteAsync(string text, bool overwrite)
    {
        await using var file = OutputFile.Open("--out", Target, overwrite)!;
        await file.Writer.WriteAsync(text);
        await file.CommitAsync();
    }
}
