using System.Runtime.CompilerServices;
using Orchestrator.Host.RunFile;

namespace Orchestrator.Tests.Host.RunFile;

/// <summary>The run files that a person starts from. Their models and data are the person's own, so only those may be missing.</summary>
public sealed class ExampleRunFilesTests
{
    public static TheoryData<string> Files => [.. Directory.EnumerateFiles(Folder(), "*.yaml").Select(path => Path.GetFileName(path))];

    [Theory]
    [MemberData(nameof(Files))]
    public void An_example_lacks_nothing_but_the_persons_own_files(string name)
    {
        // Read as if it lay in an empty folder: whoever has run the quickstart in the clone has its files.
        using var empty = new RunFolder();
        var text = File.ReadAllText(Path.Combine(Folder(), name));
        var problems = Assert.Throws<RunFileException>(() => SettingsReader.Read(text, name, empty.Path, [], empty.Path)).Problems;
        Assert.All(problems, problem => Assert.Contains("does not exist", problem.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void There_is_an_example_for_each_way_to_run() =>
        Assert.Equal(["kto.yaml", "lora.yaml", "quickstart.yaml", "several-machines.yaml", "sft.yaml", "single-machine.yaml"], Directory.EnumerateFiles(Folder()).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));

    private static string Folder([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../../../cluster-config/runs"));
}
