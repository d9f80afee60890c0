using System.Collections.Immutable;
using System.CommandLine;
using Orchestrator.Cluster;
using Orchestrator.Core;
using Orchestrator.Host.Processes;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;
using Orchestrator.Training.Native;

namespace Orchestrator.Host.Verbs;

/// <summary>`orchestrator worker --join HOST:PORT`: lends this machine's devices to a run, one process a device.</summary>
public static class WorkerVerb
{
    private static readonly Option<string[]> Join = new("--join") { Required = true, Description = "host:port of the run's coordinator; several where there are several." };
    private static readonly Option<string> Device = VerbOptions.Device();
    private static readonly Option<int> Workers = new("--workers") { DefaultValueFactory = _ => 1, Description = "Worker processes where the device is the CPU." };
    private static readonly Option<int?> Threads = new("--threads") { Description = "Threads of one CPU worker; the processor is shared out otherwise." };
    private static readonly Option<string?> Name = new("--name") { Description = "As people see it; this machine's name otherwise." };
    private static readonly Option<string> Bind = new("--bind") { DefaultValueFactory = _ => "127.0.0.1", Description = "Address to listen on; 0.0.0.0 for peers on other machines." };
    private static readonly Option<string?> AdvertisedHost = new("--advertised-host") { Description = "Name by which others reach this machine." };
    private static readonly Option<int> Port = new("--port") { DefaultValueFactory = _ => 0, Description = "Port of the first worker's data plane, the next worker takes the next; 0 takes free ones." };
    private static readonly Option<string?> Cache = new("--cache") { Description = "Folder for downloaded files; ~/.cache/orchestrator otherwise." };
    // The run's own, which the command that starts this one has asked for.
    private static readonly Option<double> Deadline = new("--deadline-seconds") { Hidden = true, DefaultValueFactory = _ => new Deadlines().Patience.TotalSeconds };
    private static readonly Option<double> Work = new("--work-minutes") { Hidden = true, DefaultValueFactory = _ => new Deadlines().Work.TotalMinutes };
    private static readonly Option<double> Grace = new("--grace-seconds") { DefaultValueFactory = _ => 20, Description = "Asked to stop, how long it waits to be let go at a step's end." };
    private static readonly Option<int> MaxRestarts = new("--max-restarts") { DefaultValueFactory = _ => 3, Description = "A worker that dies is started again so many times." };
    private static readonly Option<string?> Trace = new("--trace") { Description = "File to which the phases of each step are appended, one event of the Chrome trace format a line." };
    private static readonly Option<double> Wait = new("--wait-minutes") { DefaultValueFactory = _ => 10, Description = "How long to wait for the run to answer." };
    private static readonly Option<bool> One = new("--one") { Hidden = true };

    public static Command Command()
    {
        var command = new Command("worker", $"Lend this machine's devices to a run. The run's secret comes from {LocalWorkers.TokenVariable}.")
        {
            Join, Device, Workers, Threads, Name, Bind, AdvertisedHost, Port, Cache, Deadline, Work, Grace, MaxRestarts, Wait, Trace, One,
        };
        foreach (var option in TlsArguments.Options)
        {
            command.Add(option);
        }

        command.SetAction((parsed, stop) => parsed.GetValue(One) ? WorkAsync(parsed, stop) : LendAsync(parsed, stop));
        return command;
    }

    /// <summary>This process is the worker.</summary>
    private static async Task<int> WorkAsync(ParseResult parsed, CancellationToken stop)
    {
        var device = DeviceChoice.Parse(parsed.GetRequiredValue(Device));
        var options = new WorkerOptions
        {
            Join = [.. JoinOf(parsed)],
            Name = parsed.GetValue(Name),
            Bind = parsed.GetRequiredValue(Bind),
            AdvertisedHost = parsed.GetValue(AdvertisedHost),
            DataPort = parsed.GetValue(Port),
            Token = Token,
            Tls = TlsArguments.Read(parsed),
            CacheDirectory = CacheOf(parsed),
            Grace = TimeSpan.FromSeconds(parsed.GetValue(Grace)),
            Deadlines = DeadlinesOf(parsed),
            Hocon = AkkaSettings.Read(AkkaSettings.PathOf(null)),
            Log = Console.WriteLine,
        };
        using var timeline = new Timeline(parsed.GetValue(Trace));
        var outcome = await Worker.RunAsync(options, new RunFileReplicaFactory(device.Text, parsed.GetValue(Threads), timeline), stop);
        Console.WriteLine(outcome.Reason);
        return outcome.End switch { WorkerEnd.RunEnded => ExitCode.Done, WorkerEnd.Left => ExitCode.Stopped, WorkerEnd.Refused => ExitCode.Refused, _ => ExitCode.Failed };
    }

    /// <summary>This process starts the workers and keeps them alive.</summary>
    private static async Task<int> LendAsync(ParseResult parsed, CancellationToken stop)
    {
        var device = DeviceChoice.Parse(parsed.GetRequiredValue(Device));
        var devices = device.Text == "cpu" ? ["cpu"] : device.Resolve(TorchRuntime.Load().CudaDevices);
        var places = WorkerPlace.Of(devices, parsed.GetValue(Workers), parsed.GetValue(Threads), Environment.ProcessorCount);
        var host = parsed.GetValue(Name) ?? Environment.MachineName;
        var tls = TlsArguments.Read(parsed);
        var wait = TimeSpan.FromMinutes(VerbOptions.Within(Wait.Name, parsed.GetValue(Wait), double.Epsilon, 10000));
        var offer = await Coordinator.AskJobAsync(JoinOf(parsed), Token, tls, wait, stop);
        var local = new LocalWorkers(
            string.Join(',', JoinOf(parsed).Union(ControlNodesOf(offer))), Token, parsed.GetRequiredValue(Bind), parsed.GetValue(AdvertisedHost), CacheOf(parsed), offer.Deadlines)
        {
            Tls = tls,
            FirstPort = parsed.GetValue(Port),
        };
        var launcher = new Launcher(local.Command(host), new RestartRule(parsed.GetValue(MaxRestarts)), Path.Combine(CacheOf(parsed), "logs"), Console.WriteLine);
        await using (launcher)
        {
            Console.WriteLine($"{places.Count} worker(s) on {string.Join(", ", places.Select(place => place.Device))} join {local.Join}; logs in {Path.Combine(CacheOf(parsed), "logs")}.");
            launcher.Start(places);
            await launcher.Ended.WaitAsync(stop).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }

        return stop.IsCancellationRequested ? ExitCode.Stopped : launcher.Exhausted.IsCompleted ? ExitCode.Failed : ExitCode.Done;
    }

    private static string[] JoinOf(ParseResult parsed) => [.. parsed.GetRequiredValue(Join).SelectMany(list => list.Split(','))];

    /// <summary>Who has come by one control node can come back by any.</summary>
    private static ImmutableArray<string> ControlNodesOf(JobOffer offer) =>
        SettingsReader.ReadSaved(offer.Job.RunFile, "the run's own run file").Of(ClusterKeys.ControlNodes);

    private static string Token => Environment.GetEnvironmentVariable(LocalWorkers.TokenVariable) ?? "";

    private static string CacheOf(ParseResult parsed) => Path.GetFullPath(parsed.GetValue(Cache)
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "orchestrator"));

    private static Deadlines DeadlinesOf(ParseResult parsed) => new()
    {
        Patience = TimeSpan.FromSeconds(parsed.GetValue(Deadline)),
        Work = TimeSpan.FromMinutes(parsed.GetValue(Work)),
    };
}
