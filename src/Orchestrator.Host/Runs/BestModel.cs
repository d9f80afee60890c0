using System.Text.Json;
using Orchestrator.Cluster;
using Orchestrator.Host.Metrics;
using Orchestrator.Training.Checkpoints;

namespace Orchestrator.Host.Runs;

/// <summary>best_checkpoint.json: the best checkpoint so far, as it lies in the run's folder.</summary>
/// <param name="Metric">With its prefix: eval_loss.</param>
/// <param name="Checkpoint">Relative to the run's folder.</param>
public sealed record BestModel(string Metric, double Value, long Step, string Checkpoint)
{
    public const string FileName = "best_checkpoint.json";

    private static readonly JsonSerializerOptions Style = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    public static BestModel Of(BestCheckpoint best, OutputDirectory output) =>
        new(MetricNames.Prefix(best.Set) + best.Metric, best.Value, best.Step, Path.GetRelativePath(output.Path, best.Directory));

    /// <summary>null: there is none, or its file cannot be read.</summary>
    public static BestModel? Read(OutputDirectory output)
    {
        try
        {
            return File.Exists(output.Best) ? JsonSerializer.Deserialize<BestModel>(File.ReadAllText(output.Best), Style) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public string DirectoryIn(OutputDirectory output) => Path.Combine(output.Path, Checkpoint);

    public void Write(OutputDirectory output)
    {
        File.WriteAllText(output.Best + ".tmp", JsonSerializer.Serialize(this, Style) + "\n");
        File.Move(output.Best + ".tmp", output.Best, overwrite: true);
    }

    /// <summary>Going on from a checkpoint, what came after it has not happened: the record is what the evaluations up to it say.</summary>
    /// <param name="selection">null: nobody asks.</param>
    public static void Reconcile(OutputDirectory output, SelectionRules? selection, EvaluationHistory seen)
    {
        var directory = Path.Combine(output.Checkpoints, CheckpointFolder.NameOf(seen.BestStep));
        if (selection is not null && seen is { BestStep: > 0, Best: { } value } && Directory.Exists(directory))
        {
            Of(new BestCheckpoint(seen.BestStep, selection.Set, selection.Metric, value, directory), output).Write(output);
        }
        else
        {
            File.Delete(output.Best);
        }
    }
}
