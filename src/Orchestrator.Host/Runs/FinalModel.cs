using Orchestrator.Training.Checkpoints;

namespace Orchestrator.Host.Runs;

/// <summary>The last checkpoint without what only a resume needs: a model in Hugging Face layout.</summary>
public static class FinalModel
{
    private static readonly string[] OfTheRun = [Checkpoint.OptimizerFile, TrainerState.FileName, Manifest.FileName];

    /// <summary>Written beside, then renamed; a model that is there already is replaced.</summary>
    public static void Write(string checkpoint, string target)
    {
        var beside = target + ".tmp";
        Delete(beside);
        Directory.CreateDirectory(beside);
        foreach (var file in Directory.EnumerateFiles(checkpoint).Where(file => !OfTheRun.Contains(Path.GetFileName(file))))
        {
            File.Copy(file, Path.Combine(beside, Path.GetFileName(file)));
        }

        Delete(target);
        Directory.Move(beside, target);
    }

    private static void Delete(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
