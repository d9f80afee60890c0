using Orchestrator.Chaos.Network;
using Orchestrator.Chaos.Processes;
using Orchestrator.Chaos.Reporting;

namespace Orchestrator.Chaos.Faults;

/// <summary>Does one fault after the other to a live run, waits for the run to recover, and puts the victim back.</summary>
internal sealed class Injector(Fleet fleet, HostNetwork network, RunWatch watch, FaultDeck deck, double patience)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);
    private readonly NetHost _spare = fleet.Workers[^1];

    /// <summary>Hosts that are to work: all but the spare one, which comes and goes.</summary>
    private IReadOnlyList<NetHost> Regular => [.. fleet.Workers.Take(fleet.Workers.Count - 1)];

    public async Task<Fault> InjectAsync(FaultKind kind)
    {
        var at = watch.SinceFirstStep;
        var victims = Victims(kind);
        watch.Say($"{kind}: {string.Join(", ", victims.Select(NameOf))}");
        var before = watch.Last;
        double? recovered = null;
        var failure = "";
        try
        {
            recovered = await DoAsync(kind, victims, before);
        }
        catch (TimeoutException late)
        {
            failure = watch.Ended is null ? late.Message : "";
        }

        return new Fault(kind, string.Join(", ", victims.Select(NameOf)), at, recovered, failure);
    }

    /// <summary>Until all hosts that are to work do, the spare one too while it runs: who is not in cannot be missed when it goes.</summary>
    public Task WholeAsync() => watch.UntilAsync(
        () => watch.Ended is not null
            || (Regular.All(fleet.Runs) && fleet.Control.All(fleet.Runs) && watch.Last.Workers >= Regular.Count + (fleet.Runs(_spare) ? 1 : 0)), Deadline, "all workers to be in");

    private async Task<double?> DoAsync(FaultKind kind, NetHost[] victims, Commit before)
    {
        var started = watch.Now;
        switch (kind)
        {
            case FaultKind.WorkerHostKilled or FaultKind.TwoWorkersKilled:
                Each(victims, host => Down(host, HostProcess.Kill));
                var lost = await CommitAsync(c => c.Time > started && IsNewGroup(c, before), started);
                await watch.PauseAsync(deck.Between(0, 3));
                Each(victims, Up);
                return lost;
            case FaultKind.WorkerKilled:
                Signal(victims[0], HostProcess.Kill);
                return await CommitAsync(c => c.Time > started && IsNewGroup(c, before), started);
            case FaultKind.WorkerStopped:
                var stopped = Signal(victims[0], HostProcess.Stop);
                var fenced = await CommitAsync(c => c.Time > started && IsNewGroup(c, before), started);
                await watch.PauseAsync(deck.Between(0, patience * 2));
                Each(stopped, id => HostProcess.Signal(id, HostProcess.Continue));
                return fenced;
            case FaultKind.WorkerPaused:
                var paused = Signal(victims[0], HostProcess.Stop);
                await watch.PauseAsync(TimeSpan.FromSeconds(patience / 4));
                Each(paused, id => HostProcess.Signal(id, HostProcess.Continue));
                await NextCommitAsync();
                return null;
            case FaultKind.WorkerLeaves:
                await fleet.LeaveAsync(victims[0], Deadline);
                await NextCommitAsync();
                await watch.PauseAsync(deck.Between(0, 4));
                Up(victims[0]);
                return null;
            case FaultKind.WorkerJoins:
                await ComeOrGoAsync(before);
                return null;
            case FaultKind.WorkerCut:
                network.Cut(victims[0]);
                var cut = await HealAfterAsync(victims[0], () => CommitAsync(c => c.Time > started && IsNewGroup(c, before), started));
                return cut;
            case FaultKind.CoordinatorKilled:
                Down(victims[0], HostProcess.Kill);
                var taken = await CommitAsync(c => c.Time > started && c.Term > before.Term, started);
                Up(victims[0]);
                await ControlAsync();
                return taken;
            case FaultKind.CoordinatorStopped:
                fleet.Of(victims[0]).Signal(HostProcess.Stop);
                var without = await CommitAsync(c => c.Time > started && c.Term > before.Term, started);
                await watch.PauseAsync(deck.Between(0, 3));
                fleet.Of(victims[0]).Signal(HostProcess.Continue);
                await ControlAsync();
                return without;
            case FaultKind.CoordinatorLeaves:
                Down(victims[0], HostProcess.Terminate);
                var handed = await CommitAsync(c => c.Time > started && c.Term > before.Term, started);
                await fleet.Of(victims[0]).EndAsync(Deadline);
                Up(victims[0]);
                await ControlAsync();
                return handed;
            case FaultKind.CoordinatorCut:
                network.Cut(victims[0]);
                var other = await HealAfterAsync(victims[0], () => CommitAsync(c => c.Time > started && c.Term > before.Term, started));
                await ControlAsync();
                return other;
            case FaultKind.StandbyKilled:
                Down(victims[0], HostProcess.Kill);
                await watch.PauseAsync(deck.Between(1, patience));
                await NextCommitAsync();
                Up(victims[0]);
                await ControlAsync();
                return null;
            default:
                network.Cut(victims[0]);
                await HealAfterAsync(victims[0], async () =>
                {
                    await watch.PauseAsync(TimeSpan.FromSeconds(patience * 4));
                    await NextCommitAsync();
                    return null;
                });
                await ControlAsync();
                return null;
        }
    }

    private NetHost[] Victims(FaultKind kind)
    {
        var control = fleet.Control.Single(host => fleet.AddressOf(host) == watch.Coordinator);
        return kind switch
        {
            FaultKind.WorkerJoins => [_spare],
            FaultKind.CoordinatorKilled or FaultKind.CoordinatorStopped or FaultKind.CoordinatorLeaves or FaultKind.CoordinatorCut => [control],
            FaultKind.StandbyKilled or FaultKind.StandbyCut => [deck.Pick([.. fleet.Control.Where(host => host != control)])],
            FaultKind.TwoWorkersKilled when Regular.Count > 2 => Two(),
            _ => [deck.Pick(Regular)],
        };
    }

    private NetHost[] Two()
    {
        var first = deck.Pick(Regular);
        return [first, deck.Pick([.. Regular.Where(host => host != first)])];
    }

    private async Task ComeOrGoAsync(Commit before)
    {
        if (fleet.Runs(_spare))
        {
            await fleet.LeaveAsync(_spare, Deadline);
            await NextCommitAsync();
        }
        else
        {
            Up(_spare);
            await watch.UntilAsync(() => watch.Last.Workers > before.Workers, Deadline, "one more worker to be in");
        }
    }

    private async Task<double?> HealAfterAsync(NetHost host, Func<Task<double?>> wait)
    {
        try
        {
            return await wait();
        }
        finally
        {
            network.Heal(host);
        }
    }

    private async Task<double?> CommitAsync(Func<Commit, bool> wanted, DateTimeOffset since)
    {
        await watch.UntilAsync(() => watch.Commits.Any(wanted), Deadline, "a step to be committed by those who are left");
        return (watch.Commits.First(wanted).Time - since).TotalSeconds;
    }

    private Task NextCommitAsync()
    {
        var now = watch.Now;
        return watch.UntilAsync(() => watch.Last.Time > now, Deadline, "the next step to be committed");
    }

    // A control node more may be lost only when all others are in: two that lose one of them end.
    private Task ControlAsync() => watch.ControlAsync(fleet.Control.Select(fleet.AddressOf).ToArray(), fleet.Control.Count, Deadline);

    private static bool IsNewGroup(Commit commit, Commit before) => (commit.Term, commit.Generation).CompareTo((before.Term, before.Generation)) > 0;

    private int[] Signal(NetHost host, int signal)
    {
        var children = fleet.Of(host).Children();
        Each(children, id => HostProcess.Signal(id, signal));
        return children;
    }

    private void Down(NetHost host, int signal)
    {
        fleet.Hold(host);
        fleet.Of(host).Signal(signal);
    }

    private void Up(NetHost host)
    {
        fleet.Release(host);
        fleet.Begin(host);
    }

    private string NameOf(NetHost host) => fleet.Control.Contains(host) ? $"control {host.Number}" : $"worker host {host.Number}";

    private static void Each<T>(IEnumerable<T> all, Action<T> action)
    {
        foreach (var one in all)
        {
            action(one);
        }
    }
}
