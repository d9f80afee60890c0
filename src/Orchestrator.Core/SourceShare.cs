using System.Collections.Immutable;

namespace Orchestrator.Core;

/// <summary>One of several sources of pairs that are mixed by weight. The sources' rows lie one source after the other.</summary>
/// <param name="Rows">Rows of the source, > 0.</param>
/// <param name="PerEpoch">How many of them an epoch visits, > 0: where they are fewer, later epochs go on where this one ended; where more, rows come again.</param>
public sealed record SourceShare(int Rows, int PerEpoch)
{
    /// <summary>
    /// How many rows of each source an epoch visits, in proportion to the weights. An epoch ends when the first source is used up, or goes
    /// on until the last one is.
    /// </summary>
    /// <param name="rows">Of each source.</param>
    /// <param name="weights">Of each source, above 0; only their ratios matter.</param>
    /// <exception cref="ArgumentException">A source has no rows, or an epoch would have more than 2^31 - 1.</exception>
    public static ImmutableArray<SourceShare> Mix(IReadOnlyList<int> rows, IReadOnlyList<double> weights, bool untilAllAreUsedUp)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(weights.Count, rows.Count);
        if (rows.Any(count => count < 1) || weights.Any(weight => !(weight > 0)))
        {
            throw new ArgumentException("a source has no rows or no weight", nameof(rows));
        }

        var (total, lengths) = (weights.Sum(), rows.Select((count, at) => count / weights[at]));
        var epoch = untilAllAreUsedUp ? lengths.Max() : lengths.Min();

        // What is whole but for rounding is whole: 30 / 0.3 * 0.3 may be a hair below 30.
        var visits = weights.Select(weight => Math.Max(1, Math.Floor(weight * epoch * (1 + 1e-12) + 1e-9))).ToArray();
        return visits.Sum() <= int.MaxValue
            ? [.. rows.Select((count, at) => new SourceShare(count, (int)visits[at]))]
            : throw new ArgumentException($"an epoch would visit {visits.Sum():0} pairs, more than {int.MaxValue}: the smallest weight ({weights.Min() / total:0.######} of all) is too small for its source");
    }
}

/// <summary>
/// The order of a mixture's epoch. Each source is visited in passes of its own, each pass all of its rows in a new order, and an epoch takes the
/// next <see cref="SourceShare.PerEpoch"/> of them: a row has come at most once more often than any other of its source.
/// </summary>
internal static class MixedOrder
{
    /// <returns>Indices into the rows of all sources.</returns>
    /// <param name="shuffle">False: each source in file order, and the sources evenly between one another.</param>
    public static int[] Of(IReadOnlyList<SourceShare> sources, long seed, long epoch, bool shuffle)
    {
        var (order, places, next, first) = (new int[sources.Sum(source => source.PerEpoch)], new double[shuffle ? 0 : sources.Sum(source => source.PerEpoch)], 0, 0);
        for (var source = 0; source < sources.Count; source++)
        {
            var (rows, perEpoch) = (sources[source].Rows, sources[source].PerEpoch);
            var (pass, held) = (-1L, Array.Empty<int>());
            for (var visit = 0; visit < perEpoch; visit++, next++)
            {
                var (of, at) = Math.DivRem(epoch * perEpoch + visit, rows);
                if (shuffle && of != pass)
                {
                    (pass, held) = (of, PassOf(rows, seed, source, of));
                }

                order[next] = first + (shuffle ? held[at] : (int)at);
                if (!shuffle)
                {
                    places[next] = (visit + 0.5) / perEpoch;
                }
            }

            first += rows;
        }

        if (shuffle)
        {
            new SplitMix64(seed, epoch).Shuffle(order);
            return order;
        }

        // Stable: of two at the same place the earlier source comes first.
        return [.. order.Zip(places).OrderBy(visit => visit.Second).Select(visit => visit.First)];
    }

    // Streams below zero belong to sources, those from zero on to epochs.
    private static int[] PassOf(int rows, long seed, int source, long pass)
    {
        var order = Enumerable.Range(0, rows).ToArray();
        new SplitMix64(seed, -1 - (((long)source << 40) | pass)).Shuffle(order);
        return order;
    }
}
