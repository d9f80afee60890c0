using Orchestrator.Chaos.Network;
using Orchestrator.Chaos.Processes;
using Orchestrator.Chaos.Reporting;

namespace Orchestrator.Chaos;

/// <summary>
/// The same job on the same hosts and control nodes with nobody disturbing it: what weights come of so many steps, and how fast they are with all
/// workers, with one more and with fewer. Workers come and leave at their own will meanwhile, which changes only the speed.
/// </summary>
internal sealed class CalmPhase(ChaosOptions options, string folder, NetHost[] hosts, TimeProvider time, Action<string> say, CancellationToken stop)
{
    // Of the time for which the other run is disturbed: with all workers before and after it, and with each other number of them.
    private const double BeforeShare = 0.1, AfterShare = 0.15, OtherShare = 0.05;
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(3);

    /// <summary>Steps a second with all workers, before anything else: a machine that others use, too, may change meanwhile.</summary>
    public async Task<double> BeforeAsync()
    {
        var (_, fleet, watch) = await StartAsync("before", null);
        using (fleet)
        {
            await watch.PauseAsync(Speeds.Beginning + options.Duration * BeforeShare);
            return new Speeds(watch.Commits).Of(options.Workers);
        }
    }

    /// <param name="steps">As many as the disturbed run has made.</param>
    public async Task<CalmRun> RunAsync(long steps)
    {
        var (run, fleet, watch) = await StartAsync("calm", steps);
        using (fleet)
        {
            await watch.PauseAsync(Speeds.Beginning);
            var (outside, since) = (watch.Outside.Seconds, watch.SinceFirstStep);
            await watch.PauseAsync(options.Duration * AfterShare);
            outside = (watch.Outside.Seconds - outside) / Math.Max(1, watch.SinceFirstStep - since);
            foreach (var count in new[] { options.Workers + 1, options.Workers - 1, options.Workers - 2 }.Where(count => count > 0))
            {
                await ToAsync(fleet, watch, count);
                await watch.PauseAsync(options.Duration * OtherShare);
            }

            var speeds = new Speeds(watch.Commits).Measured;
            await ToAsync(fleet, watch, speeds.Count > 0 ? speeds.MaxBy(speed => speed.Value).Key : options.Workers);   // only the weights are wanted of the rest
            await watch.UntilAsync(() => watch.Ended is not null, options.Duration * 4 + Deadline, "the calm run's end").ContinueWith(_ => { }, TaskScheduler.Default);
            foreach (var host in fleet.Control)
            {
                await fleet.Of(host).EndAsync(Deadline);
            }

            watch.Events.Read();
            return new CalmRun(watch.Last.Step, new Speeds(watch.Commits), outside, Hashes.Of(Path.Combine(run.Output, "model", "model.safetensors")), File.ReadAllText(run.Metrics));
        }
    }

    private static async Task ToAsync(Fleet fleet, RunWatch watch, int count)
    {
        foreach (var (host, place) in fleet.Workers.Select((host, place) => (host, place)).Where(_ => watch.Ended is null))
        {
            if (place < count)
            {
                fleet.Release(host);
                fleet.Begin(host);
            }
            else if (fleet.Runs(host))
            {
                await fleet.LeaveAsync(host, Deadline);
            }
        }

        await watch.UntilAsync(() => watch.Ended is not null || watch.Last.Workers == count, Deadline, $"{count} workers to be in");
    }

    private async Task<(RunFolder Run, Fleet Fleet, RunWatch Watch)> StartAsync(string name, long? steps)
    {
        var run = new RunFolder(folder, name, [.. hosts.Take(options.Control)], options.Workers, steps, options.Patience, options.Seed);
        var fleet = new Fleet(run, [.. hosts.Take(options.Control)], [.. hosts.Skip(options.Control)]);
        try
        {
            var watch = new RunWatch(run, fleet, new LeakWatch(time), time, say, stop);
            fleet.Hold(fleet.Workers[^1]);
            fleet.Start(withoutLast: true);
            await watch.UntilAsync(() => watch.Commits.Count > 0, Deadline, $"the first step of {name}");
            await watch.ControlAsync([.. fleet.Control.Select(fleet.AddressOf)], options.Control, Deadline);
            return (run, fleet, watch);
        }
        catch
        {
            fleet.Dispose();
            throw;
        }
    }
}
