using System.Net;
using Orchestrator.Cluster;
using Orchestrator.Host.Processes;
using Orchestrator.Host.RunFile;

namespace Orchestrator.Host.Runs;

/// <summary>Starts this machine's workers as soon as the coordinator listens, and gives the run up when none of them can live and no other is in it.</summary>
internal sealed class WorkersOfThisRun(TrainRun run, IReadOnlyList<WorkerPlace> places, string token, CancellationTokenSource giveUp) : IAsyncDisposable
{
    private Launcher? _launcher;
    private bool _started;
    private int _members;

    /// <summary>Why the run was given up; null where it was not.</summary>
    public string? Lost { get; private set; }

    public void On(RunEvent happened)
    {
        switch (happened)
        {
            case Listening listening when !_started:
                _started = true;
                Start(listening.Control);
                break;
            case MembershipChanged changed:
                _members = changed.Members.Length;
                break;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_launcher is not null)
        {
            await _launcher.DisposeAsync();
        }
    }

    private void Start(string control)
    {
        var nodes = run.Settings.Of(ClusterKeys.ControlNodes);
        control = nodes.Length > 0 ? string.Join(',', nodes) : control;
        if (nodes.Length > 0)
        {
            run.Line.Write($"The other control nodes join with: {LocalWorkers.TokenVariable}=... orchestrator control --join {nodes[0]} --node HOST:PORT");
        }

        if (!IPAddress.Parse(run.Settings.Of(ClusterKeys.Bind)).Equals(IPAddress.Loopback))
        {
            run.Line.Write($"Workers on other machines join with: {LocalWorkers.TokenVariable}={(run.Settings.Of(ClusterKeys.Token) is null ? token : "...")} orchestrator worker --join {control} --bind 0.0.0.0");
        }

        if (places.Count == 0)
        {
            return;
        }

        var local = new LocalWorkers(
            control, token, run.Settings.Of(ClusterKeys.Bind), run.Settings.Of(ClusterKeys.AdvertisedHost), run.Output.Cache, Mapping.Deadlines(run.Settings))
        {
            TraceFolder = run.TraceFolder,
            Tls = Mapping.Tls(run.Settings),
            AkkaConfig = AkkaSettings.PathOf(run.Settings.Of(ClusterKeys.AkkaConfig)),
            FastMath = run.Settings.Places.ContainsKey(ClusterKeys.FastMath) ? run.Settings.Of(ClusterKeys.FastMath) : null,
        };
        _launcher = new Launcher(local.Command(), new RestartRule(run.Settings.Of(ClusterKeys.MaxRestarts)), run.Output.Logs, run.Line.Write);
        _ = GiveUpAsync(_launcher);
        _launcher.Start(places);
    }

    private async Task GiveUpAsync(Launcher launcher)
    {
        var why = await launcher.Exhausted;
        if (_members <= places.Count && run.Settings.Of(ClusterKeys.WaitForWorkers) is null)
        {
            Lost = why;
            await giveUp.CancelAsync();
        }
    }
}
