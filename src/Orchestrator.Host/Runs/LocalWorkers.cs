using System.Globalization;
using Orchestrator.Cluster;
using Orchestrator.Collectives;
using Orchestrator.Host.Processes;
using Orchestrator.Host.Verbs;
using Orchestrator.Training.Native;

namespace Orchestrator.Host.Runs;

/// <summary>How this program starts itself as a worker.</summary>
/// <param name="Join">host:port of the control nodes, separated by commas.</param>
public sealed record LocalWorkers(string Join, string Token, string Bind, string? AdvertisedHost, string Cache, Deadlines Deadlines)
{
    public const string TokenVariable = "ORCHESTRATOR_TOKEN";

    /// <summary>Path of a file with Akka's settings; null: none.</summary>
    public string? AkkaConfig { get; init; }

    /// <summary>Port of the first worker's data plane; the next worker takes the next. 0: free ones.</summary>
    public int FirstPort { get; init; }

    /// <summary>Null: no TLS.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>As cluster.fast_math; null leaves it to the environment.</summary>
    public string? FastMath { get; init; }

    /// <summary>Folder in which each worker leaves its timeline, NAME.jsonl; null: none does.</summary>
    public string? TraceFolder { get; init; }

    /// <param name="host">Stands before the names of workers, where machines must be told apart.</param>
    public WorkerCommand Command(string? host = null) => new([.. WorkerCommand.ThisProgram, "worker"], place => Arguments(place, host), Environment);

    private IReadOnlyList<string> Arguments(WorkerPlace place, string? host) =>
    [
        "--join", Join, "--one", "--name", host is null ? place.Name : $"{host}/{place.Name}", "--device", place.Device, "--threads", Text(place.Threads), "--bind", Bind, "--cache", Cache,
        "--deadline-seconds", Text(Deadlines.Patience.TotalSeconds), "--work-minutes", Text(Deadlines.Work.TotalMinutes),
        "--port", Text(FirstPort == 0 ? 0 : FirstPort + place.Number),
        .. AdvertisedHost is null ? Array.Empty<string>() : ["--advertised-host", AdvertisedHost],
        .. TraceFolder is null ? Array.Empty<string>() : ["--trace", Path.Combine(TraceFolder, $"{place.Name}.jsonl")],
        .. TlsArguments.Of(Tls),
    ];

    // libtorch reads the thread counts when it is loaded: later is too late for its pools.
    private Dictionary<string, string> Environment(WorkerPlace place)
    {
        var variables = new Dictionary<string, string>(TorchRuntime.WorkerEnvironment(place.Threads)) { [TokenVariable] = Token };
        if (FastMath is not null)
        {
            variables[TorchRuntime.FastMathVariable] = FastMath;
        }

        if (AkkaConfig is not null)
        {
            variables[AkkaSettings.Variable] = AkkaConfig;
        }

        return variables;
    }

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);
}
