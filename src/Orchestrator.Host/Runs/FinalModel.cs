using Orchestrator.Training.Checkpoints;

namespace Orchestrator.Host.Runs;

/// <summary>The last checkpoint without what only a resume needs: a model in Hugging Face layout.</summary>
public static class FinalModel
{
    private static readonly string[] OfTheRun = [Checkpoint.OptimizerFile, TrainerState.FileName, Manifest.FileName];

    /// <summary>Written beside, then renamed; a model that is there already is replaced. Several processes may do it at once, with the same bytes.</summary>
    public static void Write(string checkpoint, string target)
    {
        var beside = $"{target}.{Environment.ProcessId}.tmp";
        Delete(beside);
        Directory.CreateDirectory(beside);
        foreach (var file in Directory.EnumerateFiles(checkpoint).Where(file => !OfTheRun.Contains(Path.GetFileName(file))))
        {
            File.Copy(file, Path.Combine(beside, Path.GetFileName(file)));
        }

        try
        {
            Delete(target);
            Directory.Move(beside, target);
        }
        catch (IOException) when (Directory.Exists(target))
        {
            Delete(beside);   // another control node was quicker
        }
    }

    private static void Delete(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
