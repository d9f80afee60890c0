using System.Collections.Immutable;

namespace Orchestrator.Cluster.Protocol;

/// <summary>Who computes which leaves. Pure arithmetic: results never depend on it, only the time a step takes.</summary>
public static class Dealing
{
    /// <summary>A deal is changed for speed only where the step is thought to become at least this much shorter, as a share of its time.</summary>
    public const double WorthChanging = 0.2;

    /// <summary>A worker's pace counts once it was measured so often.</summary>
    public const int SamplesNeeded = 3;

    /// <summary>
    /// Leaves by rank, together <paramref name="leaves"/>. Even, unless paces are known and differ so much that another share-out shortens
    /// the step by <see cref="WorthChanging"/>; everybody keeps at least one leaf where there are enough, or its pace would never be seen again.
    /// </summary>
    /// <param name="current">Shares that hold now; empty for even ones.</param>
    public static ImmutableArray<int> Shares(int leaves, IReadOnlyList<Pace?> paces, ImmutableArray<int> current)
    {
        ArgumentNullException.ThrowIfNull(paces);
        var now = current.Length == paces.Count && current.Sum() == leaves ? current : Even(leaves, paces.Count);
        if (paces.Any(pace => pace is null || pace.Samples < SamplesNeeded))
        {
            return now;
        }

        var seconds = paces.Select(pace => pace!.SecondsPerLeaf).ToArray();
        var better = Fastest(leaves, seconds);
        return Makespan(better, seconds) < (1 - WorthChanging) * Makespan(now, seconds) ? better : now;
    }

    public static ImmutableArray<int> Even(int leaves, int workers) =>
        [.. Enumerable.Range(0, workers).Select(rank => leaves / workers + (rank < leaves % workers ? 1 : 0))];

    /// <summary>By leaf, the worker that gets it: contiguous runs in rank order.</summary>
    public static ImmutableArray<string> Owners(ImmutableArray<int> shares, ImmutableArray<string> members) =>
        [.. members.SelectMany((member, rank) => Enumerable.Repeat(member, shares[rank]))];

    /// <summary>
    /// A step in hand is dealt anew among <paramref name="members"/>: whoever is still there keeps what it had, and may hold the sums of;
    /// the lost leaves are shared out evenly, in contiguous runs, among those in <paramref name="takers"/>.
    /// </summary>
    /// <returns>Owners by leaf, and how many leaves were lost.</returns>
    public static (ImmutableArray<string> Owners, int Lost) Redeal(ImmutableArray<string> owners, ImmutableArray<string> members, ImmutableArray<string> takers)
    {
        var present = members.ToHashSet(StringComparer.Ordinal);
        var lost = Enumerable.Range(0, owners.Length).Where(leaf => !present.Contains(owners[leaf])).ToArray();
        var shares = Owners(Even(lost.Length, takers.Length), takers);
        var dealt = owners.ToBuilder();
        for (var i = 0; i < lost.Length; i++)
        {
            dealt[lost[i]] = shares[i];
        }

        return (dealt.ToImmutable(), lost.Length);
    }

    /// <summary>The leaves of one worker as runs.</summary>
    public static IEnumerable<LeafRange> RangesOf(ImmutableArray<string> owners, string worker) => Runs(owners).Where(run => run.Owner == worker).Select(run => run.Leaves);

    /// <summary>The leaves of every member as runs, in rank order.</summary>
    public static Core.Deal Of(ImmutableArray<string> owners, ImmutableArray<string> members)
    {
        var runs = Runs(owners).ToLookup(run => run.Owner, run => run.Leaves, StringComparer.Ordinal);
        return new Core.Deal([.. members.Select(member => runs[member].ToImmutableArray())]);
    }

    private static IEnumerable<(string Owner, LeafRange Leaves)> Runs(ImmutableArray<string> owners)
    {
        for (var (start, leaf) = (0, 1); leaf <= owners.Length; leaf++)
        {
            if (leaf == owners.Length || owners[leaf] != owners[start])
            {
                yield return (owners[start], new LeafRange(start, leaf - start));
                start = leaf;
            }
        }
    }

    /// <summary>The newest measurement counts a third: a hiccup does not change the deal, three slow steps do.</summary>
    public static Pace Measure(Pace? before, double seconds, int leaves) => before is null
        ? new Pace(seconds / leaves, 1)
        : new Pace(before.SecondsPerLeaf + (seconds / leaves - before.SecondsPerLeaf) / 3, before.Samples + 1);

    private static ImmutableArray<int> Fastest(int leaves, double[] seconds)
    {
        var shares = Enumerable.Repeat(leaves >= seconds.Length ? 1 : 0, seconds.Length).ToArray();
        for (var left = leaves - shares.Sum(); left > 0; left--)
        {
            var next = Enumerable.Range(0, shares.Length).MinBy(rank => (shares[rank] + 1) * seconds[rank]);
            shares[next]++;
        }

        return [.. shares];
    }

    private static double Makespan(ImmutableArray<int> shares, double[] seconds) => shares.Select((share, rank) => share * seconds[rank]).Max();
}
