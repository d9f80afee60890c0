using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Host.RunFile;
using Orchestrator.Training.Checkpoints;

namespace Orchestrator.Host.Runs;

/// <summary>Where an interrupted run goes on.</summary>
/// <param name="Earlier">The job it was started with.</param>
/// <param name="Checkpoint">null: none is whole, and the run begins again at step 0.</param>
public sealed record ResumePoint(Job Earlier, Checkpoint? Checkpoint)
{
    public long Step => Checkpoint?.State.GlobalStep ?? 0;

    /// <summary>Checkpoints of this term and below belong to the past.</summary>
    public long FirstTerm => (Checkpoint?.State.Term ?? 0) + 1;

    /// <param name="tell">Told of each checkpoint that is passed over, and why.</param>
    /// <exception cref="ArgumentException">The folder holds no run, or a run whose weights would differ.</exception>
    public static ResumePoint Find(OutputDirectory output, Settings settings, Action<string> tell)
    {
        if (!File.Exists(output.RunFile))
        {
            throw new ArgumentException($"{output.Path} holds no run that could go on. Leave out --resume, or name the run's folder: --output DIR.");
        }

        RequireSameResult(SettingsReader.ReadSaved(File.ReadAllText(output.RunFile), output.RunFile), settings, output);
        var (newest, skipped) = CheckpointFolder.FindNewest(output.Checkpoints);
        foreach (var passed in skipped)
        {
            tell($"{passed.Directory} is passed over: {passed.Why}.");
        }

        var earlier = SavedJob.Read(output.Job);
        return newest is null || newest.State.RunId == earlier.RunId
            ? new ResumePoint(earlier, newest)
            : throw new InvalidDataException($"{newest.Directory} is of run {newest.State.RunId}, and {output.Path} is of run {earlier.RunId}. Move it away.");
    }

    /// <summary>The checkpoint's files, as workers are told of them.</summary>
    public ImmutableArray<JobFile> Files() => Checkpoint is null
        ? []
        : [
            .. Checkpoint.Files.Select(file => new JobFile($"checkpoint/{file.Name}", file.Sha256, file.Bytes, Path.Combine(Checkpoint.Directory, file.Name))),
            .. FileHashes.Of([($"checkpoint/{Manifest.FileName}", Path.Combine(Checkpoint.Directory, Manifest.FileName))], CancellationToken.None),
        ];

    /// <summary>Model, reference, adapter and training pairs must be the bytes they were.</summary>
    /// <exception cref="ArgumentException">One has changed; the message names it.</exception>
    public void RequireSameFiles(IReadOnlyCollection<JobFile> files)
    {
        static bool Matters(JobFile file) => file.Name.StartsWith("model/", StringComparison.Ordinal)
            || file.Name.StartsWith("reference/", StringComparison.Ordinal) || file.Name.StartsWith("adapter/", StringComparison.Ordinal) || file.Name == "pairs/train.pairs";
        var before = Earlier.Files.Where(Matters).ToDictionary(file => file.Name, file => file.Sha256, StringComparer.Ordinal);
        var changed = files.Where(Matters).FirstOrDefault(file => before.GetValueOrDefault(file.Name) != file.Sha256);
        if (changed is not null)
        {
            throw new ArgumentException(
                $"{changed.Name} ({changed.Path}) is not what it was when the run began: the weights would differ. Restore it, or start anew in another folder.");
        }
    }

    private static void RequireSameResult(Settings saved, Settings settings, OutputDirectory output)
    {
        if (saved.FirstDifferenceInResult(settings) is { } key)
        {
            throw new ArgumentException(
                $"{settings.PlaceOf(key)}: {key.Dotted} is {key.Write(settings.Value(key))}, and the run in {output.Path} has {key.Write(saved.Value(key))}: the weights would differ. "
                + "Put it back to go on, or start anew in another folder.");
        }
    }
}
