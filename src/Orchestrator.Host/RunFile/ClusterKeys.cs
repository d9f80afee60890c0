using System.Collections.Immutable;

namespace Orchestrator.Host.RunFile;

/// <summary>Section "cluster": who computes, and how they reach one another. Only wire and reduction touch the weights.</summary>
public static class ClusterKeys
{
    private const string Section = "cluster";

    public static readonly Key<int> Workers = new(Section, "workers", Kinds.Whole(0, 4096), 2,
        "Worker processes that train starts here when the device is cpu; with CUDA it is one a device. 0: all join from elsewhere.")
    {
        ChangesResult = false,
    };

    public static readonly Key<int?> WaitForWorkers = new(Section, "wait_for_workers", Kinds.Whole(1, 4096).OrNull("those started here"), null,
        "The run begins when so many workers have joined, those from other machines counted.")
    {
        ChangesResult = false,
    };

    public static readonly Key<string> Device = new(Section, "device", Kinds.Text("auto, cpu, cuda or cuda:N"), "auto",
        "What computes; auto takes all CUDA devices, else the CPU.")
    {
        ChangesResult = false,
    };

    public static readonly Key<int?> Threads = new(Section, "threads_per_worker", Kinds.AutoOr(Kinds.Whole(1, 1024)), null,
        "Threads of one CPU worker; auto shares the processor out. The last bits of sums may depend on it.")
    {
        ChangesResult = false,
    };

    public static readonly Key<double?> MemoryPerWorker = new(Section, "memory_per_worker_gb", Kinds.Number(above: 0, most: 1 << 20).OrNull("the machine's free memory, shared by its workers"), null,
        "GiB that a worker may take: what orchestrator plan and pairs_per_leaf: auto reckon with. Needed for auto on accelerators and where all workers are on other machines.")
    {
        ChangesResult = false,
    };

    public static readonly Key<string> FastMath = new(Section, "fast_math", Kinds.Choice(["auto", "on", "off"]), "auto",
        "Let MKL take its AVX-512 path on processors it would not choose it for; all workers of a run need the same.")
    {
        ChangesResult = false,
    };

    public static readonly Key<string> Transport = new(Section, "transport", Kinds.Choice(["auto", "shm", "grpc"]), "auto",
        "How gradients travel; auto: shared memory on one machine, gRPC between machines.")
    {
        ChangesResult = false,
    };

    public static readonly Key<string> Wire = new(Section, "wire", Kinds.Choice(["fp32", "bf16"]), "fp32",
        "Gradients on the wire; bf16 halves the bytes and rounds each value once.");

    public static readonly Key<int> Connections = new(Section, "connections", Kinds.Whole(1, 16), 1,
        "Connections between two workers on different machines; more than 1 where a fast network waits for one core.")
    {
        ChangesResult = false,
    };

    public static readonly Key<string> Reduction = new(Section, "reduction", Kinds.Choice(["canonical", "sequential"]), "canonical",
        "canonical: the same bits for any number of workers; sequential: one buffer less.");

    public static readonly Key<string> Bind = new(Section, "bind", Kinds.Text("an IP address of this machine"), "127.0.0.1",
        "Address to listen on; 0.0.0.0 lets other machines join.")
    {
        ChangesResult = false,
    };

    public static readonly Key<string?> AdvertisedHost = new(Section, "advertised_host", Kinds.Text("a name or address").OrNull("as bind says, or this machine's name"), null,
        "Name by which others reach this machine.")
    {
        ChangesResult = false,
    };

    public static readonly Key<int> Port = new(Section, "port", Kinds.Whole(0, 65535), 0, "Port that workers join; 0 takes a free one.")
    {
        ChangesResult = false,
    };

    public static readonly Key<ImmutableArray<string>> ControlNodes = new(Section, "control_nodes", Kinds.TextsOrNone("a list of host:port, three of them at best, the machine of train first, or null (train alone)"), [],
        "Who may coordinate; each of the others runs: orchestrator control. Then the run survives the loss of its coordinator.")
    {
        ChangesResult = false,
    };

    public static readonly Key<string?> TlsCertificate = new(Section, "tls_certificate", Kinds.Location("a PEM file").OrNull("no TLS"), null,
        "This machine's certificate: then all that is sent is encrypted, and whoever sends must show one too.")
    {
        ChangesResult = false,
    };

    public static readonly Key<string?> TlsKey = new(Section, "tls_key", Kinds.Location("a PEM file").OrNull("no TLS"), null, "Its private key.")
    {
        ChangesResult = false,
    };

    public static readonly Key<string?> TlsAuthority = new(Section, "tls_authority", Kinds.Location("a PEM file").OrNull("no TLS"), null,
        "The run's own authority, which must have signed all certificates.")
    {
        ChangesResult = false,
    };

    public static readonly Key<string?> Token = new(Section, "token", Kinds.Text("a secret").OrNull("a fresh one, or ORCHESTRATOR_TOKEN"), null,
        "Secret that whoever joins must bring.")
    {
        ChangesResult = false,
    };

    public static readonly Key<double> Deadline = new(Section, "deadline_seconds", Kinds.Number(least: 0.5, most: 3600), 4,
        "A peer that makes no progress for so long is given up; other deadlines follow from it.")
    {
        ChangesResult = false,
    };

    public static readonly Key<int> MaxRestarts = new(Section, "max_restarts", Kinds.Whole(0, 1000), 3,
        "A worker that dies is started again so many times before its place stays empty.")
    {
        ChangesResult = false,
    };

    public static readonly Key<string?> AkkaConfig = new(Section, "akka_config", Kinds.Location("a HOCON file").OrNull("none"), null,
        "Overrides settings of Akka.NET; see cluster-config/akka.conf.")
    {
        ChangesResult = false,
    };

    public static readonly Key<double> WorkMinutes = new(Section, "work_minutes", Kinds.Number(above: 0), 10,
        "The longest that honest work takes: a worker's leaves of one step, loading, saving.")
    {
        ChangesResult = false,
    };

    public static readonly Key<string> NonFinite = new(Section, "on_non_finite", Kinds.Choice(["stop", "skip"]), "stop",
        "When a gradient is not finite though computed twice: end the run, or leave the step out.");

    public static ImmutableArray<Key> All { get; } =
        [Workers, WaitForWorkers, Device, Threads, MemoryPerWorker, FastMath, Transport, Wire, Connections, Reduction, Bind, AdvertisedHost, Port, ControlNodes, Token, TlsCertificate, TlsKey, TlsAuthority, Deadline, WorkMinutes, NonFinite, MaxRestarts, AkkaConfig];
}
