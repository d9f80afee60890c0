using System.Collections.Concurrent;
using Orchestrator.Training.Models;

namespace Orchestrator.Training.Steps;

/// <summary>
/// Reads the rows of the leaf that is expected next and lays them end to end, on a thread of its own, while the device is busy with this leaf or
/// the step waits for others: rows on a cold disk then hold up nobody. What was expected wrongly is forgotten.
/// </summary>
internal sealed class LeavesAhead : IDisposable
{
    private readonly Func<long, int, PackedBatch> _pack;
    private readonly BlockingCollection<(long Step, int Leaf)> _expected = new(boundedCapacity: 1);
    private readonly Thread _thread;
    private volatile Prepared? _prepared;

    /// <param name="pack">The leaf of a step; runs on any thread.</param>
    public LeavesAhead(Func<long, int, PackedBatch> pack)
    {
        _pack = pack;
        _thread = new Thread(Work) { IsBackground = true, Name = "leaves ahead" };
        _thread.Start();
    }

    /// <summary>Leaves that were ready when they were asked for.</summary>
    public long Hits { get; private set; }

    /// <summary>Returns at once; while the thread is still busy with an earlier leaf, this one is let be.</summary>
    public void Expect(long step, int leaf) => _expected.TryAdd((step, leaf));

    /// <summary>Waits for nothing: what is not ready is packed here.</summary>
    public PackedBatch Take(long step, int leaf)
    {
        if (_prepared is not { } ready || (ready.Step, ready.Leaf) != (step, leaf))
        {
            return _pack(step, leaf);
        }

        (_prepared, Hits) = (null, Hits + 1);
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
