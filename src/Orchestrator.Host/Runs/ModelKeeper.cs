using System.Globalization;
using Orchestrator.Cluster;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Screen;
using Orchestrator.Training.Checkpoints;

namespace Orchestrator.Host.Runs;

/// <summary>What a run leaves as its model, the last checkpoint's or the best one's, and which checkpoints stay meanwhile.</summary>
/// <param name="resumed">The checkpoint that the run resumed from: workers that join still read it. null: none.</param>
internal sealed class ModelKeeper(Settings settings, OutputDirectory output, ProgressLine line, string? resumed)
{
    public void Record(RunEvent happened)
    {
        if (happened is BestCheckpoint best)
        {
            BestModel.Of(best, output).Write(output);
        }
    }

    public void Prune() => Prune(resumed);

    /// <summary>
    /// Leaves the model: the last checkpoint's, or the best one's where the run file says so. Every control node that has the checkpoints on its disk does:
    /// the one that coordinated may die before it has.
    /// </summary>
    public RunOutcome Finish(RunOutcome outcome)
    {
        if (outcome.End != RunEnd.Completed || (outcome.Checkpoint ?? resumed) is not { } last || !Directory.Exists(last))
        {
            return outcome;
        }

        var checkpoint = CheckpointFolder.Open(last);
        if (settings.Of(SelectionKeys.LoadBest))
        {
            try
            {
                var best = BestModel.Read(output) ?? throw new InvalidDataException($"{output.Best} names none, as it could not be written when it was due.");
                checkpoint = CheckpointFolder.Open(best.DirectoryIn(output));
                outcome = outcome with { Reason = $"{outcome.Reason} The model is the best checkpoint's, of step {best.Step}: {best.Metric} {best.Value.ToString("0.######", CultureInfo.InvariantCulture)}." };
            }
            catch (InvalidDataException error)
            {
                line.Write($"WARNING: the model is the last checkpoint's, not the best one's: {error.Message}");
            }
        }

        FinalModel.Write(checkpoint.Directory, output.Model);
        PruneAtTheEnd();
        return outcome with { Checkpoint = checkpoint.Directory, WeightsSha256 = checkpoint.WeightsSha256 };
    }

    private void Prune(string? spared) => CheckpointFolder.Prune(output.Checkpoints, settings.Of(OutputKeys.KeepLast), spared, BestModel.Read(output)?.DirectoryIn(output));

    private void PruneAtTheEnd()
    {
        try
        {
            Prune(spared: null);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            line.Write($"WARNING: older checkpoints could not be removed: {error.Message}");
        }
    }
}
