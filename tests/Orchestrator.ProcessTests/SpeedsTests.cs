using Orchestrator.Chaos.Reporting;

namespace Orchestrator.ProcessTests;

/// <summary>What a chaos run's throughput is compared with.</summary>
public sealed class SpeedsTests
{
    [Fact]
    public void Steps_count_by_the_workers_that_were_in_once_things_have_settled()
    {
        List<Commit> commits = [];
        void Add(int generation, int workers, double from, double every, double to)
        {
            for (var at = from; at <= to; at += every)
            {
                commits.Add(new Commit(DateTimeOffset.UnixEpoch.AddSeconds(at), commits.Count + 1, 1, generation, 32, workers));
            }
        }

        Add(1, workers: 4, from: 0, every: 1, to: 15);          // the beginning
        Add(1, workers: 4, from: 15.5, every: 0.5, to: 25);
        Add(2, workers: 3, from: 26, every: 1, to: 28);         // the first 2 s after a change
        Add(2, workers: 3, from: 28.25, every: 0.25, to: 33);
        var speeds = new Speeds(commits);
        Assert.Equal([3, 4], speeds.Measured.Keys);
        Assert.Equal((4.0, 2.0), (speeds.Of(3), speeds.Of(4)));
        Assert.Equal((4.0 * 2 / 3, 2.0), (speeds.Of(2), speeds.Of(5)));
        Assert.Equal(0, new Speeds([]).Of(4));
    }
}
