namespace Orchestrator.Host.Runs;

/// <summary>The folder of a run: what lies where.</summary>
public sealed record OutputDirectory(string Path)
{
    public string RunFile => In("run.yaml");

    /// <summary>The job as it was started: its id and the hashes of its files.</summary>
    public string Job => In("job.json");

    public string Metrics => In(Host.Metrics.MetricsFile.FileName);

    public string Events => In(Host.Metrics.EventsFile.FileName);

    /// <summary>What policy and reference wrote at evaluations; absent where nobody asked.</summary>
    public string Samples => In(Host.Metrics.SamplesFile.FileName);

    /// <summary>Event files for TensorBoard; absent where nobody asked.</summary>
    public string TensorBoard => In("tensorboard");

    /// <summary>Which checkpoint is the best; absent where nobody asked.</summary>
    public string Best => In(BestModel.FileName);

    public string Checkpoints => In("checkpoints");

    public string Model => In("model");

    public string Logs => In("logs");

    /// <summary>Where workers of this machine put what they must download; usually nothing.</summary>
    public string Cache => In("cache");

    /// <summary>Tokens that runs beside this one share.</summary>
    public string TokensBeside => System.IO.Path.Combine(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path)) ?? Path, "tokens");

    /// <summary>Values of references that runs beside this one share.</summary>
    public string ReferenceBeside => System.IO.Path.Combine(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path)) ?? Path, "reference");

    public string Pairs(string set) => System.IO.Path.Combine(Path, "pairs", $"{set}.pairs");

    /// <summary>True where a run has begun here.</summary>
    public bool HoldsRun => File.Exists(RunFile) || Directory.Exists(Checkpoints);

    /// <summary>An empty folder for a new run.</summary>
    /// <param name="inputs">Files and folders that the new run reads: an earlier run that holds one of them is not deleted.</param>
    /// <exception cref="ArgumentException">It holds a run, or files that are none of a run's, and may not be emptied.</exception>
    public void Begin(bool overwrite, params IEnumerable<string?> inputs)
    {
        if (HoldsRun && !overwrite)
        {
            throw new ArgumentException(
                $"{Path} holds a run already. Go on with it (--resume), name another folder (--output DIR), or delete it (--overwrite).");
        }

        if (!HoldsRun && Directory.Exists(Path) && Directory.EnumerateFileSystemEntries(Path).Any())
        {
            throw new ArgumentException($"{Path} is not empty and holds no run. Name another folder: --output DIR.");
        }

        string[] folders = [.. new[] { "checkpoints", "model", "pairs", "logs", "cache", "tensorboard" }.Select(In)];
        if (HoldsRun && inputs.OfType<string>().FirstOrDefault(input => folders.Any(folder => RealPath.IsWithin(input, folder))) is { } needed)
        {
            throw new ArgumentException($"{needed} is part of the run in {Path}, which would be deleted, and the new run reads it. Name another output folder: --output DIR.");
        }

        Directory.CreateDirectory(Path);
        foreach (var name in folders.Where(Directory.Exists))
        {
            Directory.Delete(name, recursive: true);
        }

        foreach (var name in new[] { RunFile, Job, Metrics, Events, Best, Samples })
        {
            File.Delete(name);
        }
    }

    private string In(string name) => System.IO.Path.Combine(Path, name);
}
