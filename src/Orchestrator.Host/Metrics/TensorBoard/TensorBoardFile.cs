using System.Globalization;

namespace Orchestrator.Host.Metrics.TensorBoard;

/// <summary>
/// An event file that TensorBoard reads, with the numbers of metrics.jsonl. Tags are those of transformers' own callback: train/loss, eval/loss,
/// eval/helpful_loss.
/// </summary>
public sealed class TensorBoardFile : IMetricsWriter
{
    private const string Evaluation = "eval_";
    private readonly RecordFile _file;

    /// <param name="folder">Each start of a run adds a file to it.</param>
    /// <param name="startStep">Steps that the run had committed: what an earlier file says of later ones did not happen.</param>
    public TensorBoardFile(string folder, long startStep, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        Directory.CreateDirectory(folder);
        var now = time.GetUtcNow();
        var seconds = now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        _file = new RecordFile(Path.Combine(folder, $"events.out.tfevents.{seconds}.{Environment.MachineName}.{Environment.ProcessId}.{startStep}"));
        _file.Append(EventMessage.FileVersion(now));
        if (startStep > 0)
        {
            _file.Append(EventMessage.Start(now, startStep + 1));
        }
    }

    public void Write(MetricsEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        var group = entry.Prefix.Length > 0 ? $"eval/{entry.Prefix[Evaluation.Length..]}" : "train/";
        _file.Append(EventMessage.Scalars(entry.Time, entry.Step, entry.Metrics, name => group + name));
    }

    public void Dispose() => _file.Dispose();
}
