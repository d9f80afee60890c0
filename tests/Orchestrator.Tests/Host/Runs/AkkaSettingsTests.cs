using Orchestrator.Host.Runs;

namespace Orchestrator.Tests.Host.Runs;

public sealed class AkkaSettingsTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("akka {\n  loglevel = ", "the { of line 1 is never closed.")]
    [InlineData("# {\nakka {\n  remote { log = \"}\" }\n", "the { of line 2 is never closed.")]
    [InlineData("akka.a = 1\n}\n", "line 2 has a } that closes nothing.")]
    [InlineData("include \"other.conf\"", "")]
    [InlineData("[1, 2]", "")]
    public void What_is_no_HOCON_is_refused_by_name(string text, string why)
    {
        File.WriteAllText(_file, text);
        var error = Assert.Throws<InvalidDataException>(() => AkkaSettings.Read(_file));
        Assert.StartsWith($"{_file}, which {AkkaSettings.Variable} or cluster.akka_config names, is no HOCON: {why}", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing yet {\n// {")]
    [InlineData("a = \"\"\"{ \"quoted\" {\"\"\"\nb = \"\\\"{\"\n")]
    [InlineData("akka.loglevel = DEBUG\nakka { remote { dot-netty.tcp.batching.enabled = off } }\n")]
    public void Settings_are_taken_as_they_stand(string text)
    {
        File.WriteAllText(_file, text);
        Assert.Equal(text, AkkaSettings.Read(_file));
    }

    [Fact]
    public void A_file_that_is_not_there_is_named() =>
        Assert.Contains("needed is a HOCON file", Assert.Throws<FileNotFoundException>(() => AkkaSettings.Read("/no/such.conf")).Message, StringComparison.Ordinal);
}
