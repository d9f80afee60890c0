using Orchestrator.Chaos.Network;

namespace Orchestrator.Chaos.Processes;

/// <summary>
/// The hosts of a run and what is kept running on them: control nodes and worker hosts. Whatever ends that should not is started again, as a service
/// manager would. Used by one thread at a time.
/// </summary>
internal sealed class Fleet : IDisposable
{
    private readonly RunFolder _run;
    private readonly Dictionary<NetHost, HostProcess> _processes = [];
    private readonly HashSet<NetHost> _held = [];

    /// <param name="run">Its control nodes are started by <see cref="StartAsync"/>.</param>
    public Fleet(RunFolder run, IReadOnlyList<NetHost> control, IReadOnlyList<NetHost> workers) => (_run, Control, Workers) = (run, control, workers);

    public IReadOnlyList<NetHost> Control { get; }

    public IReadOnlyList<NetHost> Workers { get; }

    public IEnumerable<HostProcess> Processes => _processes.Values;

    /// <summary>Started again without having been asked to end.</summary>
    public int Restarts { get; private set; }

    public bool Runs(NetHost host) => _processes.TryGetValue(host, out var process) && !process.HasExited;

    public HostProcess Of(NetHost host) => _processes[host];

    public string AddressOf(NetHost control) => _run.AddressOf(control);

    /// <param name="withoutLast">The last worker host comes later.</param>
    public void Start(bool withoutLast = false)
    {
        _processes[Control[0]] = HostProcess.Start(Control[0], RunFolder.Token, _run.LogOf(Control[0]), "train", _run.RunFile, "--output", _run.Output);
        foreach (var host in Control.Skip(1).Concat(withoutLast ? Workers.SkipLast(1) : Workers))
        {
            Begin(host);
        }
    }

    /// <summary>Starts the host's process, if none runs.</summary>
    public void Begin(NetHost host)
    {
        if (Runs(host))
        {
            return;
        }

        if (_processes.Remove(host, out var old))
        {
            old.Dispose();
        }

        _processes[host] = Control.Contains(host)
            ? HostProcess.Start(host, RunFolder.Token, _run.LogOf(host), "control", "--join", _run.OthersThan(host), "--node", AddressOf(host), "--bind", host.Address, "--output", _run.Output)
            : HostProcess.Start(host, RunFolder.Token, _run.LogOf(host), "worker", "--join", _run.AllControl, "--device", "cpu", "--threads", "1", "--bind", host.Address,
                "--name", NameOf(host), "--cache", _run.CacheOf(host), "--max-restarts", "1000", "--grace-seconds", "15");
    }

    /// <summary>Every process, and whether it is in the run: the coordinator's, and those of hosts whose worker is a member.</summary>
    public IEnumerable<(int Id, bool Inside)> Standing(string coordinator, IReadOnlySet<string> members)
    {
        var children = ProcessTable.ByParent();
        return from host in _processes.Keys.Where(Runs)
               let inside = Control.Contains(host) ? AddressOf(host) == coordinator : members.Contains($"{NameOf(host)}/worker-0")
               from id in children[Of(host).Id].Append(Of(host).Id)
               select (id, inside);
    }

    private static string NameOf(NetHost worker) => $"host-{worker.Number}";

    /// <summary>Asks the host's process to leave, and waits until it has.</summary>
    /// <exception cref="TimeoutException">It has not.</exception>
    public async Task LeaveAsync(NetHost host, TimeSpan deadline)
    {
        Hold(host);
        Of(host).Signal(HostProcess.Terminate);
        await Of(host).EndAsync(deadline);
    }

    /// <summary>The host's process may end, and stay ended.</summary>
    public void Hold(NetHost host) => _held.Add(host);

    public void Release(NetHost host) => _held.Remove(host);

    /// <summary>Starts what has ended by itself.</summary>
    public IEnumerable<NetHost> Mend()
    {
        foreach (var host in Control.Concat(Workers).Where(host => !_held.Contains(host) && _processes.ContainsKey(host) && !Runs(host)).ToArray())
        {
            Restarts++;
            Begin(host);
            yield return host;
        }
    }

    public void Dispose()
    {
        foreach (var process in _processes.Values)
        {
            process.Dispose();
        }
    }
}
