using Orchestrator.Cluster;
using Orchestrator.Core;

namespace Orchestrator.Host.Traces;

/// <summary>The coordinator's row of a trace: steps from deal to commit, and what came between them.</summary>
/// <param name="folder">Receives coordinator.jsonl; null: nothing is recorded.</param>
public sealed class CoordinatorTimeline(string? folder) : IRunObserver, IDisposable
{
    public const string FileName = "coordinator.jsonl";
    private readonly Timeline _timeline = new(folder is null ? null : Path.Combine(folder, FileName));

    public void On(RunEvent happened)
    {
        switch (happened)
        {
            case StepCommitted step:
                Add("deal to commit", step.Step - 1, step.Seconds);
                break;
            case Evaluated evaluated:
                Add($"evaluate {evaluated.Set}", evaluated.Step, evaluated.Seconds);
                break;
            case ReferencePassed passed:
                Add("reference pass", -1, passed.Seconds);
                break;
            case CheckpointWritten written:
                Add("checkpoint", written.Step, written.Seconds);
                break;
            case MembershipChanged changed:
                Add("membership", changed.Step, changed.Seconds);
                break;
        }
    }

    public void Dispose() => _timeline.Dispose();

    private void Add(string name, long step, double seconds)
    {
        var now = Timeline.Now;
        _timeline.Add(name, step, now - seconds * 1e6, now);
        _timeline.Flush();
    }
}
