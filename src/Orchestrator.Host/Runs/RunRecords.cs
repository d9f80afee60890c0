using Orchestrator.Cluster;
using Orchestrator.Host.Metrics;
using Orchestrator.Host.Metrics.TensorBoard;

namespace Orchestrator.Host.Runs;

/// <summary>
/// What a run records, written by whoever coordinates. The files are opened when this node begins to, each as a fresh copy of what is there: a
/// coordinator that was stopped and wakes writes on into a file that nobody sees any more. A step that is told twice has one line.
/// </summary>
/// <param name="every">Steps between two lines of metrics.</param>
/// <param name="tensorBoard">With event files for TensorBoard.</param>
/// <param name="sets">Names of the evaluation sets.</param>
/// <param name="start">The step the run starts from; null where another coordinator's records are gone on with.</param>
public sealed class RunRecords(OutputDirectory output, int every, bool tensorBoard, IReadOnlyCollection<string> sets, long? start) : IRunObserver, IDisposable
{
    private readonly List<RunEvent> _before = [];
    private readonly List<MetricsLog> _logs = [];
    private HashSet<(long Step, string Set)> _evaluated = [];
    private EventsFile? _events;
    private long _last;

    public void On(RunEvent happened)
    {
        if (_events is null && happened is Listening)
        {
            _before.Add(happened);   // it may only stand by
            return;
        }

        if (_events is null)
        {
            Open();
        }

        if (!IsKnown(happened))
        {
            _logs.ForEach(log => log.On(happened));
            _events!.On(happened);
        }
    }

    public void Dispose()
    {
        _logs.ForEach(log => log.Dispose());
        _events?.Dispose();
    }

    private bool IsKnown(RunEvent happened)
    {
        switch (happened)
        {
            case StepCommitted step when step.Step <= _last:
                return true;
            case StepCommitted step:
                _last = step.Step;
                return false;
            case Evaluated evaluated:
                return !_evaluated.Add((evaluated.Step, evaluated.Set));   // one that takes over may evaluate again, to the same numbers
            default:
                return false;
        }
    }

    private void Open()
    {
        History.Copy(output.Events);
        _last = start ?? History.LastStep(output.Events);
        History.CutMetrics(output.Metrics, _last, sets);
        _evaluated = [.. History.Evaluations(output.Metrics, sets)];
        var tokens = History.Tokens(output.Events, _last);
        var unlogged = History.Unlogged(output.Metrics, output.Events, _last);
        MetricsLog To(IMetricsWriter writer) => new(writer, every, tokens, MetricsWindow.Of(unlogged));
        _logs.Add(To(new MetricsFile(output.Metrics)));
        if (tensorBoard)
        {
            _logs.Add(To(new TensorBoardFile(output.TensorBoard, _last, TimeProvider.System)));
        }

        _events = new EventsFile(output.Events, sums: every > 1);
        _before.ForEach(_events.On);
        _before.Clear();
    }
}
