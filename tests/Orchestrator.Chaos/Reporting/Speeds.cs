namespace Orchestrator.Chaos.Reporting;

/// <summary>Steps a second by the number of workers that were in, without the beginning, in which every process still compiles, and the moments after a change.</summary>
internal sealed class Speeds
{
    public static readonly TimeSpan Beginning = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(2);
    private readonly SortedDictionary<int, double> _of = [];

    public Speeds(IReadOnlyList<Commit> commits)
    {
        Dictionary<int, (double Seconds, int Steps)> sums = [];
        var (group, since) = ((0L, 0), commits.Count == 0 ? default : commits[0].Time + Beginning);
        foreach (var (before, commit) in commits.Zip(commits.Skip(1)))
        {
            if ((commit.Term, commit.Generation) != group)
            {
                group = (commit.Term, commit.Generation);
                since = since > commit.Time + Settle ? since : commit.Time + Settle;
            }
            else if (before.Time >= since)
            {
                var (seconds, steps) = sums.GetValueOrDefault(commit.Workers);
                sums[commit.Workers] = (seconds + (commit.Time - before.Time).TotalSeconds, steps + 1);
            }
        }

        foreach (var (workers, (seconds, steps)) in sums)
        {
            _of[workers] = steps / seconds;
        }
    }

    public IReadOnlyDictionary<int, double> Measured => _of;

    /// <summary>Steps a second with so many workers: where that was not measured, as with the next fewer; with fewer than were ever in, in proportion.</summary>
    public double Of(int workers)
    {
        if (_of.Count == 0)
        {
            return 0;
        }

        var least = _of.First();
        return workers < least.Key ? least.Value * workers / least.Key : _of.Last(measured => measured.Key <= workers).Value;
    }
}
