using Orchestrator.Chaos.Processes;

namespace Orchestrator.Chaos.Reporting;

/// <summary>
/// Processor seconds of a run's processes that are not in it: workers that start, load and join, and control nodes that stand by. Where each host is a
/// machine of its own, they take nothing from those who compute; here they do.
/// </summary>
internal sealed class OutsideWatch
{
    private readonly Dictionary<int, double> _used = [];

    public double Seconds { get; private set; }

    /// <param name="processes">Every process of the run, and whether it is in it.</param>
    public void Sample(IEnumerable<(int Id, bool Inside)> processes)
    {
        foreach (var (id, inside) in processes)
        {
            var used = ProcessTable.ProcessorSeconds(id);
            Seconds += inside ? 0 : Math.Max(0, used - _used.GetValueOrDefault(id));
            _used[id] = used;
        }
    }
}
