using Orchestrator.Host.Runs;

namespace Orchestrator.Tests.Host.Runs;

public sealed class OutputDirectoryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("output-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_folder_that_holds_a_run_is_refused_unless_told()
    {
        var output = new OutputDirectory(_folder);
        Directory.CreateDirectory(Path.Combine(output.Checkpoints, "step-00000001"));
        File.WriteAllText(output.RunFile, "");
        File.WriteAllText(output.Metrics, "{}");
        Assert.Contains("holds a run already", Assert.Throws<ArgumentException>(() => output.Begin(overwrite: false)).Message, StringComparison.Ordinal);
        output.Begin(overwrite: true);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder));
    }

    [Fact]
    public void A_folder_with_somebody_elses_files_is_never_touched()
    {
        File.WriteAllText(Path.Combine(_folder, "thesis.tex"), "");
        Assert.Throws<ArgumentException>(() => new OutputDirectory(_folder).Begin(overwrite: true));
        Assert.True(File.Exists(Path.Combine(_folder, "thesis.tex")));
    }

    [Fact]
    public void Lines_of_steps_that_will_be_made_again_are_cut()
    {
        var path = Path.Combine(_folder, "metrics.jsonl");
        File.WriteAllText(path, "{\"step\":1}\n{\"step\":2}\n{\"step\":2,\"eval_loss\":1}\n{\"step\":3}\n{\"st");
        History.CutMetrics(path, 2);
        Assert.Equal("{\"step\":1}\n{\"step\":2}\n{\"step\":2,\"eval_loss\":1}\n", File.ReadAllText(path));
    }

    [Fact]
    public void Tokens_of_a_step_that_was_made_twice_count_once()
    {
        var path = Path.Combine(_folder, "events.jsonl");
        string[] lines =
        [
            """{"event":"step_committed","step":1,"num_tokens":10}""",
            """{"event":"step_committed","step":2,"num_tokens":20}""",
            """{"event":"warning","step":2}""",
            """{"event":"step_committed","step":2,"num_tokens":20}""",
            """{"event":"step_committed","step":3,"num_tokens":40}""",
            """{"event":"step_comm""",
        ];
        File.WriteAllLines(path, lines);
        Assert.Equal(30, History.Tokens(path, 2));
        Assert.Equal(0, History.Tokens(path + ".absent", 2));
    }
}
