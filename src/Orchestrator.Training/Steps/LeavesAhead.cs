using System.Collections.Concurrent;
using Orchestrator.Core;
using Orchestrator.Training.Models;

namespace Orchestrator.Training.Steps;

/// <summary>
/// Reads the rows of the leaf that is expected next and lays them end to end, on a thread of its own, while the device is busy with this leaf or
/// the step waits for others: rows on a cold disk then hold up nobody. What was expected wrongly is forgotten.
/// </summary>
internal sealed class LeavesAhead : IDisposable
{
    private readonly BatchPlan _plan;
    private readonly Func<long, int, PackedBatch> _pack;
    private readonly BlockingCollection<(long Step, int Leaf)> _expected = new(boundedCapacity: 1);
    private readonly Thread _thread;
    private volatile Prepared? _prepared;

    /// <param name="pack">The leaf of a step; runs on any thread.</param>
    public LeavesAhead(BatchPlan plan, Func<long, int, PackedBatch> pack)
    {
        (_plan, _pack) = (plan, pack);
        _thread = new Thread(Work) { IsBackground = true, Name = "leaves ahead" };
        _thread.Start();
    }

    /// <summary>Expects the rank's leaf after this one, or, as a rank is most often dealt the same leaves again, its first leaf of the next step.</summary>
    public void ExpectAfter(StepWork work, int leaf)
    {
        int[] mine = [.. LeafRecords.Leaves(work)];
        var later = mine.FirstOrDefault(other => other > leaf, -1);
        var (step, next) = later >= 0 ? (work.Id.Step, later) : (work.Id.Step + 1, mine[0]);
        if (step < _plan.Steps && next < _plan.LeavesInStep(step))
        {
            Expect(step, next);
        }
    }

    /// <summary>Returns at once; while the thread is still busy with an earlier leaf, this one is let be.</summary>
    public void Expect(long step, int leaf) => _expected.TryAdd((step, leaf));

    /// <summary>Waits for nothing: what is not ready is packed here.</summary>
    public PackedBatch Take(long step, int leaf)
    {
        if (_prepared is not { } ready || (ready.Step, ready.Leaf) != (step, leaf))
        {
            return _pack(step, leaf);
        }

        _prepared = null;
        return ready.Batch;
    }

    /// <summary>The thread has left the rows when this returns.</summary>
    public void Dispose()
    {
        _expected.CompleteAdding();
        _thread.Join();
        _expected.Dispose();
    }

    private void Work()
    {
        foreach (var (step, leaf) in _expected.GetConsumingEnumerable())
        {
            try
            {
                _prepared = new Prepared(step, leaf, _pack(step, leaf));
            }
            catch (Exception)
            {
                _prepared = null; // whoever needs the leaf meets the error where it can be told
            }
        }
    }

    private sealed record Prepared(long Step, int Leaf, PackedBatch Batch);
}
