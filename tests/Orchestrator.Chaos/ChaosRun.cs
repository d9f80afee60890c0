using System.Diagnostics;
using Orchestrator.Chaos.Faults;
using Orchestrator.Chaos.Network;
using Orchestrator.Chaos.Processes;
using Orchestrator.Chaos.Reporting;

namespace Orchestrator.Chaos;

/// <summary>
/// Two runs of the same job: one that is disturbed for the time asked for, and a calm one, which makes the same number of steps and says what weights
/// come of them and how fast they can be.
/// </summary>
internal sealed class ChaosRun(ChaosOptions options, Action<string> say)
{
    private static readonly TimeSpan Beginning = TimeSpan.FromMinutes(3);
    private readonly TimeProvider _time = TimeProvider.System;

    /// <returns>False: something was lost.</returns>
    public async Task<bool> RunAsync(CancellationToken stop)
    {
        var folder = options.Folder is { } named ? Directory.CreateDirectory(named).FullName : Directory.CreateTempSubdirectory("chaos-").FullName;
        using var network = new HostNetwork(options.Inside);
        var reason = network.Separate ? "" : options.Namespaces ? HostNetwork.WhyNot() : "left out by --no-namespaces";
        say($"Chaos of seed {options.Seed}: {options.Workers} worker hosts, {options.Control} control nodes, {Environment.ProcessorCount} processor(s), in {folder}.");
        say(reason.Length == 0 ? "Each host has a network of its own: links are cut for real." : $"No links are cut: {reason}.");
        ChaosModel.Write(folder);
        NetHost[] hosts = [.. Enumerable.Range(0, options.Control + options.Workers + 1).Select(network.Add)];

        var phase = new CalmPhase(options, folder, hosts, _time, say, stop);
        var before = await phase.BeforeAsync();
        say($"Calm before: {before:0.00} steps a second.");
        var report = await DisturbAsync(folder, hosts, network, stop);
        var steps = report.Commits[^1].Step;
        say($"The same {steps} steps calmly.");
        report = report with { CalmBefore = before, Calm = await phase.RunAsync(steps) };
        report.Show(say);
        if (options.Json is { } json)
        {
            await File.WriteAllTextAsync(json, report.ToJson(), CancellationToken.None);
        }

        if (report.NothingLost && options.Folder is null)
        {
            Directory.Delete(folder, recursive: true);
        }
        else
        {
            say($"Records and logs: {folder}");
        }

        return report.Faults.Count > 0
            ? report.NothingLost
            : throw new InvalidOperationException("The run ended before any fault was tried, which shows nothing: give it more --minutes.");
    }

    private async Task<ChaosReport> DisturbAsync(string folder, NetHost[] hosts, HostNetwork network, CancellationToken stop)
    {
        var run = new RunFolder(folder, "disturbed", [.. hosts.Take(options.Control)], options.Workers, null, options.Patience, options.Seed);
        var leaks = new LeakWatch(_time);
        List<Fault> faults = [];
        RunWatch watch;
        int restarts;
        using (var fleet = new Fleet(run, [.. hosts.Take(options.Control)], [.. hosts.Skip(options.Control)]))
        {
            watch = new RunWatch(run, fleet, leaks, _time, say, stop);
            fleet.Hold(fleet.Workers[^1]);
            fleet.Start(withoutLast: true);
            await watch.UntilAsync(() => watch.Commits.Count > 0, Beginning, "the disturbed run's first step");
            await watch.ControlAsync([.. fleet.Control.Select(fleet.AddressOf)], options.Control, Beginning);
            await FaultsAsync(fleet, network, watch, faults);
            await EndAsync(fleet, watch);
            restarts = fleet.Restarts;
        }

        var steps = watch.Commits.Count == 0 ? 0 : watch.Last.Step;
        return new ChaosReport
        {
            Options = options,
            LinksCut = network.Separate,
            Faults = faults,
            Commits = watch.Commits,
            ProcessorsOutside = watch.Outside.Seconds,
            Warnings = watch.Events.Warnings,
            Ended = watch.Ended ?? "it did not end",
            WeightsSha256 = Hashes.Of(Path.Combine(run.Output, "checkpoints", $"step-{steps:D8}", "model.safetensors")),
            Metrics = File.Exists(run.Metrics) ? File.ReadAllText(run.Metrics) : "",
            ProcessesLeft = await LeftAsync(run.Path),
            SharedMemoryLeft = leaks.SharedMemoryLeft(),
            OpenFilesGrown = leaks.OpenFilesGrown,
            MemoryGrown = leaks.MemoryGrown,
            Restarts = restarts,
        };
    }

    private async Task FaultsAsync(Fleet fleet, HostNetwork network, RunWatch watch, List<Fault> faults)
    {
        var deck = new FaultDeck(options.Seed, network.Separate);
        var injector = new Injector(fleet, network, watch, deck, options.Patience);
        while (watch.Ended is null)
        {
            var due = options.Every * faults.Count + deck.Between(0, 2 * options.Every.TotalSeconds) - TimeSpan.FromSeconds(watch.SinceFirstStep);
            var least = deck.Between(0.5, 3);
            await watch.PauseAsync(due > least ? due : least);
            if (watch.Ended is not null || watch.SinceFirstStep >= options.Duration.TotalSeconds)
            {
                break;
            }

            var fault = await injector.InjectAsync(deck.Next());
            faults.Add(fault);
            if (fault.Failure.Length > 0)
            {
                watch.Say($"FAILED: {fault.Kind} of {fault.Victim}: {fault.Failure}");
                break;
            }

            await injector.WholeAsync().ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    /// <summary>The run is asked to stop: whoever stands by leaves first, so that nobody takes over.</summary>
    private static async Task EndAsync(Fleet fleet, RunWatch watch)
    {
        foreach (var host in fleet.Workers.Concat(fleet.Control))
        {
            fleet.Hold(host);
        }

        foreach (var host in fleet.Control.Where(fleet.Runs).OrderBy(host => fleet.AddressOf(host) == watch.Coordinator))
        {
            await fleet.LeaveAsync(host, Beginning);
        }

        watch.Events.Read();
    }

    private static async Task<int> LeftAsync(string folder)
    {
        var since = Stopwatch.GetTimestamp();
        while (ProcessTable.Mentioning(folder).Length > 0 && Stopwatch.GetElapsedTime(since) < TimeSpan.FromSeconds(20))
        {
            await Task.Delay(100);   // those that were killed are still being taken apart
        }

        return ProcessTable.Mentioning(folder).Length;
    }
}
