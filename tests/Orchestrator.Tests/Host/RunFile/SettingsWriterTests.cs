using Orchestrator.Host.RunFile;

namespace Orchestrator.Tests.Host.RunFile;

public sealed class SettingsWriterTests : IDisposable
{
    private readonly RunFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_saved_run_file_gives_the_same_settings_wherever_it_is_read()
    {
        var settings = _folder.Read(RunFolder.Sound + "beta: 0.25\neval: {a: pairs.jsonl, b: pairs.jsonl}\nmax_steps: 9\nmax_grad_norm: null\nthreads_per_worker: auto\n");
        var again = SettingsReader.ReadSaved(SettingsWriter.Write(settings), "saved");
        Assert.All(Keys.All, key => Assert.Equal(key.Write(settings.Value(key)), key.Write(again.Value(key))));
        Assert.Equal(0.25, again.Of(ObjectiveKeys.Beta));
    }

    [Fact]
    public void A_secret_is_not_saved() =>
        Assert.DoesNotContain("hush", SettingsWriter.Write(_folder.Read(RunFolder.Sound + "token: hush\n")), StringComparison.Ordinal);

    [Theory]
    [InlineData("beta: 0.2", "beta")]
    [InlineData("workers: 3\nthreads_per_worker: 1\nlogging_steps: 5", null)]
    [InlineData("pairs_per_leaf: 4", "pairs_per_leaf")]
    public void Only_what_changes_the_weights_counts_as_a_difference(string line, string? key) =>
        Assert.Equal(key, _folder.Read(RunFolder.Sound).FirstDifferenceInResult(_folder.Read(RunFolder.Sound + line + "\n"))?.Name);
}
