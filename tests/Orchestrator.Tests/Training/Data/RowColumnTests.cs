using Orchestrator.Training.Data;

namespace Orchestrator.Tests.Training.Data;

public sealed class RowColumnTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("column-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Each_row_that_is_kept_has_its_own_value_whatever_is_skipped_between()
    {
        string[] files = [Write("a.jsonl", Row("\"x\""), "", "{\"prompt_ids\":[1]}", Row("2")), Write("b.jsonl", "no json", Row("null"), Row("true"), Row("[1]"))];
        var target = Path.Combine(_folder, "all.pairs");
        DataPreparation.Prepare(new DataOptions { VocabularySize = 9 }, files, null, null, target);
        using var pairs = EncodedPairs.Open(target);
        Assert.Equal(["x", "2", null, "true", null], RowColumn.Read(pairs, files, "topic"));
        Assert.Equal([null, null, null, null, null], RowColumn.Read(pairs, files, "absent"));
        Assert.Throws<InvalidDataException>(() => RowColumn.Read(pairs, files[..1], "topic").ToList());
    }

    private static string Row(string topic) => $$"""{"topic":{{topic}},"prompt_ids":[1],"chosen_ids":[2],"rejected_ids":[3]}""";

    private string Write(string name, params string[] lines)
    {
        File.WriteAllLines(Path.Combine(_folder, name), lines);
        return Path.Combine(_folder, name);
    }
}
