using System.Collections.Immutable;
using Orchestrator.Training.Models.Adapters;

namespace Orchestrator.Training.Checkpoints;

/// <summary>A checkpoint whose every byte was compared with its manifest.</summary>
public sealed record Checkpoint(string Directory, TrainerState State, ImmutableArray<ManifestEntry> Files)
{
    public const string OptimizerFile = "optimizer.safetensors";

    public const string WeightsFile = "model.safetensors";

    /// <summary>SHA-256 of what was trained, model.safetensors or adapter_model.safetensors; lower-case hex.</summary>
    public string WeightsSha256 => Files.Single(IsWeights).Sha256;

    internal static bool IsWeights(ManifestEntry file) => file.Name is WeightsFile or AdapterDirectory.WeightsFile;
}

/// <summary>A checkpoint that is not to be resumed from.</summary>
/// <param name="Why">As a sentence's end: "manifest.json is missing".</param>
public sealed record SkippedCheckpoint(string Directory, string Why);

/// <summary>The checkpoints of a run: the subdirectories of one directory, one a checkpoint.</summary>
public static class CheckpointFolder
{
    private const string Prefix = "step-";

    /// <summary>Name of a step's checkpoint: it sorts by step.</summary>
    public static string NameOf(long step) => $"{Prefix}{step:D8}";

    /// <summary>
    /// The newest complete checkpoint of the newest term. A later step of an older term belongs to a history that lost: it is skipped.
    /// </summary>
    /// <param name="directory">Need not exist.</param>
    /// <returns>Null where there is none; and, in any case, what was passed over and why.</returns>
    public static (Checkpoint? Newest, ImmutableArray<SkippedCheckpoint> Skipped) FindNewest(string directory)
    {
        var skipped = ImmutableArray.CreateBuilder<SkippedCheckpoint>();
        Checkpoint? newest = null;
        foreach (var (path, state) in Candidates(directory, skipped))
        {
            if (newest is null)
            {
                newest = TryOpen(path, skipped);
            }
            else if (state.GlobalStep > newest.State.GlobalStep)
            {
                skipped.Add(new SkippedCheckpoint(path,
                    $"it is of term {state.Term}, and {Path.GetFileName(newest.Directory)} of the newer term {newest.State.Term} took another course"));
            }
        }

        return (newest, skipped.ToImmutable());
    }

    /// <summary>Opens one checkpoint and reads all of it once.</summary>
    /// <exception cref="InvalidDataException">It is torn or damaged; says where.</exception>
    public static Checkpoint Open(string directory)
    {
        try
        {
            var (manifest, state) = Glance(directory);
            foreach (var file in manifest.Files)
            {
                Manifest.CheckHash(directory, file);
            }

            return new Checkpoint(directory, state, manifest.Files);
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{directory} is no whole checkpoint: {error.Message}. Resume from another one.");
        }
    }

    /// <summary>Deletes checkpoints until <paramref name="keepLast"/> whole ones are left; damaged ones do not count, and go with them.</summary>
    /// <param name="keepLast">At least 1: the last good one is never deleted.</param>
    /// <param name="spared">Checkpoints that stay in any case, and are not counted where they are older.</param>
    public static void Prune(string directory, int keepLast, params IEnumerable<string?> spared)
    {
        var needed = spared.OfType<string>().Select(path => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))).ToHashSet(StringComparer.Ordinal);
        ArgumentOutOfRangeException.ThrowIfLessThan(keepLast, 1);
        var kept = 0;
        foreach (var (path, _) in Candidates(directory, ImmutableArray.CreateBuilder<SkippedCheckpoint>()))
        {
            if (kept < keepLast)
            {
                kept += TryOpen(path, null) is null ? 0 : 1;
            }
            else if (!needed.Contains(Path.GetFullPath(path)))
            {
                Delete(path);
            }
        }
    }

    /// <summary>Files and states of one checkpoint, checked as far as that costs little: everything but the hashes of large files.</summary>
    internal static (Manifest Manifest, TrainerState State) Glance(string directory)
    {
        var manifest = Manifest.Read(directory);
        manifest.CheckSizes(directory);
        var entry = manifest.Files.FirstOrDefault(file => file.Name == TrainerState.FileName)
            ?? throw new InvalidDataException($"its {Manifest.FileName} does not list {TrainerState.FileName}");
        Manifest.CheckHash(directory, entry);
        if (manifest.Files.Count(Checkpoint.IsWeights) != 1 || !manifest.Files.Any(file => file.Name == Checkpoint.OptimizerFile))
        {
            throw new InvalidDataException($"its {Manifest.FileName} does not list {Checkpoint.WeightsFile} or {AdapterDirectory.WeightsFile}, and {Checkpoint.OptimizerFile}");
        }

        return (manifest, TrainerState.Read(Path.Combine(directory, TrainerState.FileName)));
    }

    /// <summary>What looks whole at a glance, newest term and then newest step first.</summary>
    private static List<(string Path, TrainerState State)> Candidates(string directory, ImmutableArray<SkippedCheckpoint>.Builder skipped)
    {
        var found = new List<(string Path, TrainerState State)>();
        var all = Directory.Exists(directory) ? Directory.EnumerateDirectories(directory, Prefix + "*").Order(StringComparer.Ordinal) : Enumerable.Empty<string>();
        foreach (var path in all)
        {
            if (path.EndsWith(CheckpointWriter.Unfinished, StringComparison.Ordinal))
            {
                skipped.Add(new SkippedCheckpoint(path, "writing it was never finished"));
                continue;
            }

            try
            {
                found.Add((path, Glance(path).State));
            }
            catch (Exception error) when (error is InvalidDataException or IOException or UnauthorizedAccessException)
            {
                skipped.Add(new SkippedCheckpoint(path, error.Message));
            }
        }

        return [.. found.OrderByDescending(item => (item.State.Term, item.State.GlobalStep))];
    }

    private static Checkpoint? TryOpen(string path, ImmutableArray<SkippedCheckpoint>.Builder? skipped)
    {
        try
        {
            return Open(path);
        }
        catch (Exception error) when (error is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            skipped?.Add(new SkippedCheckpoint(path, error.Message));
            return null;
        }
    }

    private static void Delete(string path)
    {
        File.Delete(Path.Combine(path, Manifest.FileName)); // first: what is half deleted is not whole
        Directory.Delete(path, recursive: true);
    }
}
