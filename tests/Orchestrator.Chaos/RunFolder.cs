using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Orchestrator.Chaos.Network;

namespace Orchestrator.Chaos;

/// <summary>Where one run of the same job works: its run file, its output, its logs.</summary>
internal sealed class RunFolder
{
    public const string Token = "of the chaos run";
    public const int PairsPerStep = 32;

    private readonly Dictionary<NetHost, int> _ports;

    /// <param name="shared">Holds model and pairs.</param>
    /// <param name="steps">null: goes on until it is stopped.</param>
    public RunFolder(string shared, string name, IReadOnlyList<NetHost> control, int workers, long? steps, double patience, long seed)
    {
        Path = Directory.CreateDirectory(System.IO.Path.Combine(shared, name)).FullName;
        Directory.CreateDirectory(System.IO.Path.Combine(Path, "logs"));
        _ports = control.ToDictionary(host => host, host => host.Holder is null ? FreePort() : 4053);
        var nodes = control.Count > 1 ? $"control_nodes: [{string.Join(", ", control.Select(AddressOf))}], " : "port: " + _ports[control[0]] + ", ";
        File.WriteAllText(RunFile, string.Create(CultureInfo.InvariantCulture,
            $$"""
            model: {path: {{shared}}/model}
            data: {train: {{shared}}/pairs.jsonl, max_length: 96, pairs_per_step: {{PairsPerStep}}, pairs_per_leaf: 2}
            training: {max_steps: {{steps ?? 1_000_000}}, learning_rate: 1e-5, warmup_steps: 5, lr_scheduler_type: constant, seed: {{seed}}}
            cluster: {{{nodes}}bind: {{control[0].Address}}, workers: 0, wait_for_workers: {{workers}}, device: cpu, transport: {{(control[0].Holder is null ? "auto" : "grpc")}}, deadline_seconds: {{patience}}, work_minutes: 2}
            output: {save_every_steps: 200, keep_last: 2, save_every_minutes: 0}
            """));
    }

    public string Path { get; }

    public string RunFile => In("run.yaml");

    public string Output => In("out");

    public string Events => In("out/events.jsonl");

    public string Metrics => In("out/metrics.jsonl");

    public string AllControl => string.Join(',', _ports.Keys.Select(AddressOf));

    public string AddressOf(NetHost control) => $"{control.Address}:{_ports[control]}";

    public string OthersThan(NetHost control) => string.Join(',', _ports.Keys.Where(host => host != control).Select(AddressOf));

    public string LogOf(NetHost host) => In($"logs/host-{host.Number}.log");

    public string CacheOf(NetHost host) => In($"cache-{host.Number}");

    private string In(string name) => System.IO.Path.Combine(Path, name);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
