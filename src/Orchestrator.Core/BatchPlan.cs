using System.Collections.Immutable;

namespace Orchestrator.Core;

/// <summary>
/// Which pairs belong to which leaf of which step: a pure function of (seed, pairs, pairs per step, pairs per leaf), the same for any
/// number of workers. Epoch e visits all pairs in its own order; the epochs follow one another without a gap, so a step may span two.
/// Where the data ends, the last step is smaller: every pair is used once an epoch, none is dropped, none is repeated.
/// </summary>
public sealed class BatchPlan
{
    private readonly Dictionary<long, int[]> _orders = [];

    /// <param name="seed">Decides the order of every epoch.</param>
    /// <param name="pairs">Pairs of an epoch, > 0: all in the data, or what a mixture visits.</param>
    /// <param name="pairsPerStep">Pairs of a full step, > 0.</param>
    /// <param name="pairsPerLeaf">Pairs of a full leaf, > 0 and at most <paramref name="pairsPerStep"/>.</param>
    /// <param name="epochs">Passes over the data, > 0; a fraction ends inside an epoch.</param>
    /// <param name="maxSteps">Stops after so many steps, whatever <paramref name="epochs"/> says, going on to further epochs where needed.</param>
    /// <param name="shuffle">False: every epoch in file order.</param>
    /// <param name="sources">Where the data are several sources mixed by weight: what an epoch visits of each, <paramref name="pairs"/> in all.</param>
    public BatchPlan(
        long seed, int pairs, int pairsPerStep, int pairsPerLeaf, double epochs = 1, long? maxSteps = null, bool shuffle = true, IReadOnlyList<SourceShare>? sources = null)
    {
        Sources = sources ?? [];
        ArgumentOutOfRangeException.ThrowIfNotEqual(Sources.Count == 0 || Sources.Sum(source => (long)source.PerEpoch) == pairs, true, nameof(sources));
        ArgumentOutOfRangeException.ThrowIfLessThan(pairs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(pairsPerLeaf, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(pairsPerStep, pairsPerLeaf);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(epochs);
        (Seed, Pairs, PairsPerStep, PairsPerLeaf, Shuffle) = (seed, pairs, pairsPerStep, pairsPerLeaf, shuffle);
        TotalPairs = maxSteps is { } steps ? checked(steps * pairsPerStep) : (long)Math.Ceiling(epochs * pairs);
        Steps = (TotalPairs + pairsPerStep - 1) / pairsPerStep;
    }

    public long Seed { get; }

    public int Pairs { get; }

    public int PairsPerStep { get; }

    public int PairsPerLeaf { get; }

    public bool Shuffle { get; }

    /// <summary>What an epoch visits of each source of a mixture; empty where an epoch is the whole of the data.</summary>
    public IReadOnlyList<SourceShare> Sources { get; }

    /// <summary>Whether the run visits a pair more than once.</summary>
    public bool ComesAgain => Sources.Count == 0 ? TotalPairs > Pairs : Sources.Any(source => (double)TotalPairs / Pairs * source.PerEpoch > source.Rows);

    /// <summary>Pairs the run visits, each visit counted.</summary>
    public long TotalPairs { get; }

    /// <summary>Optimizer steps of the run.</summary>
    public long Steps { get; }

    public int PairsInStep(long step) => (int)Math.Min(PairsPerStep, TotalPairs - step * PairsPerStep);

    public int LeavesInStep(long step) => (PairsInStep(step) + PairsPerLeaf - 1) / PairsPerLeaf;

    /// <summary>Epochs completed when <paramref name="step"/> steps are committed.</summary>
    public double EpochAt(long step) => (double)Math.Min(TotalPairs, step * PairsPerStep) / Pairs;

    /// <summary>Indices into the data of the pairs of one leaf.</summary>
    public ImmutableArray<int> PairsOf(long step, int leaf)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(leaf, LeavesInStep(step));
        var start = step * PairsPerStep + (long)leaf * PairsPerLeaf;
        var count = Math.Min(PairsPerLeaf, PairsInStep(step) - leaf * PairsPerLeaf);
        return [.. Enumerable.Range(0, count).Select(i => PairAt(start + i))];
    }

    /// <summary>Indices into the data of all pairs that steps from <paramref name="from"/> on visit, ascending, each once.</summary>
    /// <param name="rows">Of the data.</param>
    public int[] Visited(long from, int rows)
    {
        var (visited, left) = (new bool[rows], rows);
        for (var position = from * PairsPerStep; position < TotalPairs && left > 0; position++)
        {
            var pair = PairAt(position);
            left -= visited[pair] ? 0 : 1;
            visited[pair] = true;
        }

        return [.. Enumerable.Range(0, rows).Where(row => visited[row])];
    }

    private int PairAt(long position)
    {
        var (epoch, index) = Math.DivRem(position, Pairs);
        return Shuffle || Sources.Count > 0 ? OrderOf(epoch)[index] : (int)index;
    }

    private int[] OrderOf(long epoch)
    {
        lock (_orders)
        {
            if (!_orders.TryGetValue(epoch, out var order))
            {
                if (_orders.Count > 2)
                {
                    _orders.Remove(_orders.Keys.Min());
                }

                _orders[epoch] = order = Sources.Count > 0 ? MixedOrder.Of(Sources, Seed, epoch, Shuffle) : Shuffled(epoch);
            }

            return order;
        }
    }

    private int[] Shuffled(long epoch)
    {
        var order = Enumerable.Range(0, Pairs).ToArray();
        new SplitMix64(Seed, epoch).Shuffle(order);
        return order;
    }
}
