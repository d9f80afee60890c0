using Orchestrator.Training.Data;
using static Orchestrator.Tests.Training.Data.TinyTokenizer;

namespace Orchestrator.Tests.Training.Data;

public sealed class DataFilesTests : IDisposable
{
    private readonly DataDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_file_a_directory_and_a_pattern_stand_for_their_files_in_order_of_names()
    {
        var (b, a, note) = (_directory.Write("b.jsonl", ""), _directory.Write("a.json.gz", ""), _directory.Write("note.txt", ""));
        Assert.Equal([a, b], DataFiles.Find([_directory.Path]));
        Assert.Equal([note, a, b], DataFiles.Find([note, _directory.At("?.json*")]));
    }

    [Theory]
    [InlineData("c.jsonl", "does not exist")]
    [InlineData("*.parquet", "No file matches")]
    [InlineData("none/*.jsonl", "No file matches")]
    [InlineData("", "a directory without data files")]
    public void An_entry_that_stands_for_no_file_is_named(string entry, string message)
    {
        _directory.Write("note.txt", "");
        Assert.Contains(message, Assert.Throws<FileNotFoundException>(() => DataFiles.Find([_directory.At(entry)])).Message);
        Assert.Throws<ArgumentException>(() => DataFiles.Find([]));
    }

    // Brackets, braces, commas and quotes inside strings, nested lists, an element over several lines.
    [Fact]
    public void A_json_array_gives_its_elements_with_the_lines_they_begin_on()
    {
        var report = _directory.Prepare("""
            [ {"prompt":"[{\"],","chosen":" yes\\","rejected":" no"},
            {"prompt_ids":[1],
             "chosen_ids":[2], "rejected_ids":[3]},

            {"prompt":}, 7,
            {"prompt":"Q:","chosen":" a","rejected":" b"} ]
            """);
        Assert.Equal([(RowProblem.BrokenJson, 5L), (RowProblem.WrongType, 5L)], report.Problems.Select(problem => (problem.Kind, problem.First[0].Line)));
        using var pairs = EncodedPairs.Open(_directory.Target);
        Assert.Equal([1L, 2L, 6L], Enumerable.Range(0, pairs.Count).Select(row => pairs.SourceOf(row).Line));
        Assert.Equal(Ids("[{\"],"), pairs[0].Prompt);
        Assert.Equal(Ids(" yes\\\\"[..5] + "$"), pairs[0].Chosen);
    }

    [Fact]
    public void A_json_array_that_ends_early_is_an_error_with_its_line() =>
        Assert.Contains("line 2: the file ends inside", Assert.Throws<InvalidDataException>(() => _directory.Prepare("[{\"prompt\":\"Q:\",\n\"cho")).Message);
}
