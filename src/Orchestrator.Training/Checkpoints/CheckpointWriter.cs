using System.Globalization;
using System.Text.RegularExpressions;

namespace Orchestrator.Training.Checkpoints;

/// <summary>
/// Writes a checkpoint so that at every moment the directory holds a whole checkpoint or none: beside, synced, renamed. Whatever goes wrong, what
/// was there before stays.
/// </summary>
internal static partial class CheckpointWriter
{
    /// <summary>How the names of directories end that are being written or replaced.</summary>
    public const string Unfinished = ".tmp";

    /// <param name="directory">The checkpoint; where one of the same or an older term stands there, it is replaced.</param>
    /// <param name="content">Writes model and optimizer files into the directory it is given.</param>
    /// <exception cref="IOException">Disk full, read-only or gone; nothing half-written is left.</exception>
    /// <exception cref="InvalidOperationException">A checkpoint of a newer term stands there.</exception>
    public static Checkpoint Write(string directory, TrainerState state, Action<string> content)
    {
        directory = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        RefuseNewerTerm(directory, state.Term);
        var beside = $"{directory}.term-{state.Term}{Unfinished}";
        try
        {
            DeleteLeftovers(directory, state.Term);
            Directory.CreateDirectory(beside);
            content(beside);
            state.Write(Path.Combine(beside, TrainerState.FileName));
            var manifest = Manifest.Of(beside);
            manifest.Write(beside);
            Durable.SyncFolder(beside);
            Put(beside, directory);
            return new Checkpoint(directory, state, manifest.Files);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            TryDelete(beside);
            throw new IOException(
                $"The checkpoint of step {state.GlobalStep} cannot be written to {directory}: {error.Message} Checkpoints written before are untouched; free space or make the folder writable.", error);
        }
        catch
        {
            TryDelete(beside);
            throw;
        }
    }

    private static void Put(string beside, string directory)
    {
        if (!Directory.Exists(directory))
        {
            Directory.Move(beside, directory);
        }
        else if (!Durable.TryExchange(beside, directory))
        {
            // This file system cannot swap two names: the old one steps aside first.
            var old = $"{directory}.replaced{Unfinished}";
            TryDelete(old);
            Directory.Move(directory, old);
            Directory.Move(beside, directory);
            TryDelete(old);
        }

        Durable.SyncDirectory(Path.GetDirectoryName(directory)!);
        TryDelete(beside);
    }

    private static void RefuseNewerTerm(string directory, long term)
    {
        try
        {
            if (Directory.Exists(directory) && CheckpointFolder.Glance(directory).State is { } there && there.Term > term)
            {
                throw new InvalidOperationException($"{directory} holds a checkpoint of term {there.Term}; one of the older term {term} must not replace it.");
            }
        }
        catch (InvalidDataException)
        {
            // Damaged: worth nothing, and replaced.
        }
    }

    // Of saves that were cut off. Those of a newer term may be under way.
    private static void DeleteLeftovers(string directory, long term)
    {
        var parent = Path.GetDirectoryName(directory)!;
        Directory.CreateDirectory(parent);
        foreach (var path in Directory.EnumerateDirectories(parent, "*.tmp"))
        {
            if (Leftover().Match(Path.GetFileName(path)) is { Success: true } match && long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) <= term)
            {
                Directory.Delete(path, recursive: true);
            }
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            if (Directory.Exists(path))
            {
                Directory.Delete(path, recursive: true);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It stays under a name that nobody takes for a checkpoint; the next save tries again.
        }
    }

    [GeneratedRegex(@"\.term-([0-9]{1,18})\.tmp\z", RegexOptions.CultureInvariant)]
    private static partial Regex Leftover();
}
