using Orchestrator.Host.RunFile;

namespace Orchestrator.Tests.Host.RunFile;

/// <summary>A folder with a model's config.json and a file of pairs in it, for run files that name them.</summary>
public sealed class RunFolder : IDisposable
{
    public RunFolder()
    {
        Path = Directory.CreateTempSubdirectory("run-file-").FullName;
        Directory.CreateDirectory(System.IO.Path.Combine(Path, "model"));
        File.WriteAllText(System.IO.Path.Combine(Path, "model", "config.json"), "{}");
        File.WriteAllText(System.IO.Path.Combine(Path, "pairs.jsonl"), "");
    }

    public string Path { get; }

    public const string Sound = "model: {path: model}\ndata: {train: pairs.jsonl}\n";

    public Settings Read(string text, params string[] overrides) => SettingsReader.Read(text, "run.yaml", Path, overrides, Path);

    /// <summary>The problems of a run file, as a person reads them.</summary>
    public string[] Problems(string text, params string[] overrides) =>
        [.. Assert.Throws<RunFileException>(() => Read(text, overrides)).Problems.Select(problem => problem.ToString())];

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
