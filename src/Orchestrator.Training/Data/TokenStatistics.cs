namespace Orchestrator.Training.Data;

/// <summary>
/// Lengths in tokens. Median and p90 are nearest-rank: the smallest length that half (nine tenths) of all do not exceed. All are 0 where
/// nothing was counted.
/// </summary>
public sealed record TokenStatistics(int Min, int Median, int P90, int Max, double Mean, long Total);

/// <summary>Counts lengths; its memory grows with the number of different lengths, not with the number of rows.</summary>
internal sealed class LengthCounts
{
    private readonly SortedDictionary<int, long> _rowsOfLength = [];

    public void Add(int length) => _rowsOfLength[length] = _rowsOfLength.GetValueOrDefault(length) + 1;

    public TokenStatistics Summarize()
    {
        var (rows, total) = (_rowsOfLength.Values.Sum(), _rowsOfLength.Sum(entry => entry.Key * entry.Value));
        return rows == 0
            ? new TokenStatistics(0, 0, 0, 0, 0, 0)
            : new TokenStatistics(_rowsOfLength.Keys.First(), Rank((rows + 1) / 2), Rank((rows * 9 + 9) / 10), _rowsOfLength.Keys.Last(), (double)total / rows, total);
    }

    private int Rank(long rank)
    {
        var seen = 0L;
        return _rowsOfLength.First(entry => (seen += entry.Value) >= rank).Key;
    }
}
