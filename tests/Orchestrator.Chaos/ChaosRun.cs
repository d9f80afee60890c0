using System.Diagnostics;
using System.Security.Cryptography;
using Orchestrator.Chaos.Faults;
using Orchestrator.Chaos.Network;
using Orchestrator.Chaos.Processes;
using Orchestrator.Chaos.Reporting;

namespace Orchestrator.Chaos;

/// <summary>
/// Two runs of the same job: a calm one, which goes on for the time asked for and says how many steps that are and what weights come of them; and a
/// disturbed one, which makes the same number of steps under faults.
/// </summary>
internal sealed class ChaosRun(ChaosOptions options, Action<string> say)
{
    private const double CalmShare = 0.7;   // a run that is disturbed takes longer for the same steps
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

        var calm = await CalmAsync(folder, hosts, stop);
        say($"Calm: {calm.Steps} steps in {calm.Seconds:0.0} s ({calm.Steps / calm.Seconds:0.00} a second).");
        var report = await DisturbAsync(folder, hosts, network, calm, stop);
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

    private async Task<CalmRun> CalmAsync(string folder, NetHost[] hosts, CancellationToken stop)
    {
        var run = new RunFolder(folder, "calm", [hosts[0]], options.Workers, null, options.Patience, options.Seed);
        using var fleet = new Fleet(run, [hosts[0]], [.. hosts.Skip(options.Control).Take(options.Workers)]);
        var watch = new RunWatch(run, fleet, new LeakWatch(_time), _time, say, stop);
        fleet.Start();
        await watch.UntilAsync(() => watch.Commits.Count > 0, Beginning, "the calm run's first step");
        await watch.PauseAsync(options.Duration * CalmShare);
        foreach (var host in fleet.Control.Concat(fleet.Workers))
        {
            fleet.Hold(host);
        }

        fleet.Of(hosts[0]).Signal(HostProcess.Terminate);
        await fleet.Of(hosts[0]).EndAsync(Beginning);
        watch.Events.Read();
        var (first, last) = (watch.Commits[0], watch.Last);
        return new CalmRun(last.Step, (last.Time - first.Time).TotalSeconds, Sha256(Path.Combine(run.Output, "checkpoints", $"step-{last.Step:D8}", "model.safetensors")), File.ReadAllText(run.Metrics));
    }

    private async Task<ChaosReport> DisturbAsync(string folder, NetHost[] hosts, HostNetwork network, CalmRun calm, CancellationToken stop)
    {
        var run = new RunFolder(folder, "disturbed", [.. hosts.Take(options.Control)], options.Workers, calm.Steps, options.Patience, options.Seed);
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
            await FaultsAsync(fleet, network, watch, faults, calm);
            await EndAsync(fleet, watch);
            restarts = fleet.Restarts;
        }

        var model = Path.Combine(run.Output, "model", "model.safetensors");
        return new ChaosReport
        {
            Options = options,
            LinksCut = network.Separate,
            Calm = calm,
            Faults = faults,
            Commits = watch.Commits,
            ProcessorsOutside = watch.Outside.Seconds,
            Warnings = watch.Events.Warnings,
            Ended = watch.Ended ?? "it did not end",
            WeightsSha256 = File.Exists(model) ? Sha256(model) : "",
            Metrics = File.Exists(run.Metrics) ? File.ReadAllText(run.Metrics) : "",
            ProcessesLeft = await LeftAsync(run.Path),
            SharedMemoryLeft = leaks.SharedMemoryLeft(),
            OpenFilesGrown = leaks.OpenFilesGrown,
            MemoryGrown = leaks.MemoryGrown,
            Restarts = restarts,
        };
    }

    private async Task FaultsAsync(Fleet fleet, HostNetwork network, RunWatch watch, List<Fault> faults, CalmRun calm)
    {
        var deck = new FaultDeck(options.Seed, network.Separate);
        var injector = new Injector(fleet, network, watch, deck, options.Patience);
        var most = options.Duration * 6 + TimeSpan.FromMinutes(3);
        while (watch.Ended is null && watch.SinceFirstStep < most.TotalSeconds)
        {
            var due = options.Every * faults.Count + deck.Between(0, 2 * options.Every.TotalSeconds) - TimeSpan.FromSeconds(watch.SinceFirstStep);
            var least = deck.Between(0.5, 3);
            await watch.PauseAsync(due > least ? due : least);
            if (watch.Ended is not null || watch.Last.Step > calm.Steps * 0.97)
            {
                break;   // a fault in the last moments could not be told from the end
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

        await watch.UntilAsync(() => false, most, "the run's end").ContinueWith(_ => { }, TaskScheduler.Default);
    }

    /// <summary>All control nodes end by themselves; workers that came too late to hear of the end are ended.</summary>
    private static async Task EndAsync(Fleet fleet, RunWatch watch)
    {
        foreach (var host in fleet.Control.Where(_ => watch.Ended is not null))
        {
            await fleet.Of(host).EndAsync(TimeSpan.FromMinutes(1));
        }
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

    private static string Sha256(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
