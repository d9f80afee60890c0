using Orchestrator.Chaos.Processes;
using Orchestrator.Chaos.Reporting;
using Orchestrator.Cluster;

namespace Orchestrator.Chaos;

/// <summary>Follows a run by what it records, and keeps its processes running meanwhile.</summary>
internal sealed class RunWatch(RunFolder run, Fleet fleet, LeakWatch leaks, TimeProvider time, Action<string> say, CancellationToken stop)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);
    private readonly EventFollower _events = new(run.Events);
    private long _sampled, _counted;

    public IReadOnlyList<Commit> Commits => _events.Commits;

    public EventFollower Events => _events;

    public OutsideWatch Outside { get; } = new();

    public Commit Last => _events.Commits[^1];

    public string Coordinator => _events.Coordinator;

    public string? Ended => _events.Ended;

    public DateTimeOffset Now => time.GetUtcNow();

    public double SinceFirstStep => Commits.Count == 0 ? 0 : (Now - Commits[0].Time).TotalSeconds;

    public void Say(string line) => say($"  {(Commits.Count == 0 ? 0 : SinceFirstStep),6:0.0} s  step {(Commits.Count == 0 ? 0 : Last.Step)}: {line}");

    /// <exception cref="TimeoutException">It has not come, or the run has ended without it.</exception>
    public async Task UntilAsync(Func<bool> wanted, TimeSpan deadline, string what)
    {
        var since = time.GetTimestamp();
        while (true)
        {
            Look();
            if (wanted())
            {
                return;
            }

            if (Ended is not null || time.GetElapsedTime(since) > deadline)
            {
                throw new TimeoutException($"waited {time.GetElapsedTime(since).TotalSeconds:0} s for {what}{(Ended is null ? "" : $"; the run has ended ({Ended})")}");
            }

            await Task.Delay(Poll, stop);
        }
    }

    /// <summary>Lets time go by, until the run ends.</summary>
    public async Task PauseAsync(TimeSpan pause)
    {
        for (var since = time.GetTimestamp(); time.GetElapsedTime(since) < pause && Ended is null;)
        {
            await Task.Delay(Poll, stop);
            Look();
        }
    }

    /// <summary>Until so many control nodes are up, as the run itself says.</summary>
    /// <exception cref="TimeoutException">They are not.</exception>
    public async Task ControlAsync(string[] nodes, int count, TimeSpan deadline)
    {
        var last = "no answer";
        for (var (since, turn) = (time.GetTimestamp(), 0); time.GetElapsedTime(since) < deadline && Ended is null; turn++)
        {
            try
            {
                var status = await Cluster.Coordinator.StatusAsync(nodes[turn % nodes.Length], RunFolder.Token, TimeSpan.FromSeconds(3), stop);
                if (status.Control.Length >= count)
                {
                    return;
                }

                last = string.Join(", ", status.Control);
            }
            catch (TimeoutException)
            {
            }

            await PauseAsync(TimeSpan.FromMilliseconds(300));
        }

        if (Ended is null)
        {
            throw new TimeoutException($"waited {deadline.TotalSeconds:0} s for {count} control nodes to be up; the last answer was {last}");
        }
    }

    private void Look()
    {
        _events.Read();
        if (Ended is not null)
        {
            return;
        }

        foreach (var host in fleet.Mend())
        {
            Say($"host {host.Number} had ended by itself and was started again");
        }

        if (Commits.Count > 0 && time.GetElapsedTime(_counted) > TimeSpan.FromSeconds(0.25))
        {
            _counted = time.GetTimestamp();
            Outside.Sample(fleet.Standing(_events.Coordinator, _events.Members).ToArray());
        }

        if (Commits.Count > 0 && time.GetElapsedTime(_sampled) > TimeSpan.FromSeconds(5))
        {
            _sampled = time.GetTimestamp();
            leaks.Sample(fleet.Processes.Where(process => !process.HasExited).SelectMany(process => process.Children().Append(process.Id)).ToArray());
        }
    }
}
