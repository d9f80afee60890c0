namespace Orchestrator.Host.Runs;

/// <summary>The folder of a run: what lies where.</summary>
public sealed record OutputDirectory(string Path)
{
    public string RunFile => In("run.yaml");

    /// <summary>The job as it was started: its id and the hashes of its files.</summary>
    public string Job => In("job.json");

    public string Metrics => In(Host.Metrics.MetricsFile.FileName);

    public string Events => In(Host.Metrics.EventsFile.FileName);

    /// <summary>Event files for TensorBoard; absent where nobody asked.</summary>
    public string TensorBoard => In("tensorboard");

    /// <summary>Which checkpoint is the best; absent where nobody asked.</summary>
    public string Best => In(BestModel.FileName);

    public string Checkpoints => In("checkpoints");

    public string Model => In("model");

    public string Logs => In("logs");

    /// <summary>Where workers of this machine put what they must download; usually nothing.</summary>
    public string Cache => In("cache");

    public string Pairs(string set) => System.IO.Path.Combine(Path, "pairs", $"{set}.pairs");

    /// <summary>True where a run has begun here.</summary>
    public bool HoldsRun => File.Exists(RunFile) || Directory.Exists(Checkpoints);

    /// <summary>An empty folder for a new run.</summary>
    /// <exception cref="ArgumentException">It holds a run, or files that are none of a run's, and may not be emptied.</exception>
    public void Begin(bool overwrite)
    {
        if (HoldsRun && !overwrite)
        {
            throw new ArgumentException(
                $"{Path} holds a run already. Go on with it (--resume), name another folder (--output DIR), or delete it (--set overwrite=true).");
        }

        if (!HoldsRun && Directory.Exists(Path) && Directory.EnumerateFileSystemEntries(Path).Any())
        {
            throw new ArgumentException($"{Path} is not empty and holds no run. Name another folder: --output DIR.");
        }

        Directory.CreateDirectory(Path);
        foreach (var name in new[] { "checkpoints", "model", "pairs", "logs", "cache", "tensorboard" }.Select(In).Where(Directory.Exists))
        {
            Directory.Delete(name, recursive: true);
        }

        foreach (var name in new[] { RunFile, Job, Metrics, Events, Best })
        {
            File.Delete(name);
        }
    }

    private string In(string name) => System.IO.Path.Combine(Path, name);
}
