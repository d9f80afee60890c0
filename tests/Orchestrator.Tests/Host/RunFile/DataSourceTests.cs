using Orchestrator.Core;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;

namespace Orchestrator.Tests.Host.RunFile;

public sealed class DataSourceTests : IDisposable
{
    private readonly RunFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Sources_with_weights_are_read_under_both_names_and_written_back()
    {
        foreach (var key in new[] { "data: {train: ", "data: {datasets: " })
        {
            var settings = _folder.Read($"path: model\n{key}[{{path: pairs.jsonl, weight: 0.7}}, {{weight: 3, path: pairs.jsonl}}]}}\n");
            var pairs = Path.Combine(_folder.Path, "pairs.jsonl");
            Assert.Equal<DataSource>([new DataSource(pairs, 0.7), new DataSource(pairs, 3)], settings.Of(DataKeys.Train));
            Assert.Equal<DataSource>(settings.Of(DataKeys.Train), SettingsReader.ReadSaved(SettingsWriter.Write(settings), "saved").Of(DataKeys.Train));
        }
    }

    [Theory]
    [InlineData("[pairs.jsonl, {path: pairs.jsonl, weight: 1}]", "pairs.jsonl has no weight, and others have one")]
    [InlineData("[{path: pairs.jsonl, wieght: 1}]", "Did you mean weight?")]
    [InlineData("[{weight: 1}]", "An entry has no path.")]
    [InlineData("[{path: pairs.jsonl, weight: 0}]", "A weight is 0; needed is a number above 0.")]
    [InlineData("[{path: absent.jsonl, weight: 1}]", "which does not exist")]
    public void A_source_that_cannot_be_is_an_error_that_says_why(string sources, string message) =>
        Assert.Contains(message, Assert.Throws<RunFileException>(() => _folder.Read($"path: model\ntrain: {sources}\n")).Message);

    [Theory]
    [InlineData("first_exhausted", 10, 30)]
    [InlineData("all_exhausted", 20, 60)]
    public void Weights_become_shares_of_an_epoch(string strategy, int first, int second)
    {
        var settings = _folder.Read($"path: model\nstopping_strategy: {strategy}\ntrain: [{{path: pairs.jsonl, weight: 1}}, {{path: pairs.jsonl, weight: 3}}]\n");
        var plan = Mapping.Plan(settings, [10, 60]);
        Assert.Equal<SourceShare>([new SourceShare(10, first), new SourceShare(60, second)], plan.Sources);
        Assert.Equal((first + second, 70), (plan.Pairs, plan.Rows));
        Assert.Contains("has no row that can be used", Assert.Throws<InvalidDataException>(() => Mapping.Plan(settings, [0, 60])).Message);
    }

    [Fact]
    public void Without_weights_an_epoch_is_all_rows()
    {
        var plan = Mapping.Plan(_folder.Read("path: model\ntrain: [pairs.jsonl, pairs.jsonl]\n"), [10, 60]);
        Assert.Equal((70, 70, 0), (plan.Pairs, plan.Rows, plan.Sources.Length));
    }

    [Fact]
    public void A_split_and_a_set_of_the_same_name_are_one_too_many()
    {
        Assert.Equal(0.1, _folder.Read("path: model\ntrain: pairs.jsonl\neval: {ood: pairs.jsonl}\neval_split: 0.1\n").Of(DataKeys.TestSplitSize));
        var error = Assert.Throws<RunFileException>(() => _folder.Read("path: model\ntrain: pairs.jsonl\neval: pairs.jsonl\ntest_split_size: 0.1\n"));
        Assert.Contains("line 4: data.test_split_size makes a set called eval", error.Message);
        Assert.Contains("below 1", Assert.Throws<RunFileException>(() => _folder.Read("path: model\ntrain: pairs.jsonl\ntest_split_size: 1.5\n")).Message);
    }
}
