using System.Collections.Immutable;
using Google.Protobuf;
using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>One decision in the making.</summary>
internal sealed class CoordinatorTurn(CoordinatorState state, TimeSpan now, RunRules rules)
{
    private readonly ImmutableArray<CoordinatorEffect>.Builder _effects = ImmutableArray.CreateBuilder<CoordinatorEffect>();
    private readonly List<string> _why = [];

    public CoordinatorState State { get; set; } = state;

    public TimeSpan Now => now;

    public RunRules Rules => rules;

    public void Do(CoordinatorEffect effect) => _effects.Add(effect);

    public void Send(string worker, IMessage message) => Do(new Send(worker, message));

    public void SendAll(IEnumerable<string> workers, IMessage message)
    {
        foreach (var worker in workers)
        {
            Send(worker, message);
        }
    }

    public void Publish(RunEvent happened) => Do(new Publish(happened));

    public void Because(string why) => _why.Add(why);

    public void Enter(Stage stage) => State = State with { Stage = stage, StageSince = Now };

    public void Tell(RunPhase phase, string detail)
    {
        if (State.Phase != phase || phase == RunPhase.Gathering)
        {
            State = State with { Phase = phase };
            Publish(new PhaseChanged(phase, detail));
        }
    }

    public void Put(string worker, WorkerView view) => State = State with { Workers = State.Workers.SetItem(worker, view) };

    public WorkerView View(string worker) => State.Workers.GetValueOrDefault(worker) ?? new WorkerView(Now);

    public string NameOf(string worker) => View(worker).Name is { Length: > 0 } name ? name : worker;

    public string NamesOf(IEnumerable<string> workers) => string.Join(", ", workers.Select(NameOf));

    public ImmutableArray<string> MemberNames => [.. State.Members.Select(NameOf)];

    public bool IsMember(string worker) => State.Members.Contains(worker);

    /// <summary>Workers that may still be told things.</summary>
    public IEnumerable<string> Living => State.Workers.Where(w => w.Value.Dropped is null).Select(w => w.Key);

    /// <summary>The last committed step as commands carry it.</summary>
    public Messages.Committed? Committed => State.Committed?.ToMessage();

    /// <summary>The worker has no part in the run any more; it may come back as a new one, unless its place is not here.</summary>
    public void Drop(string worker, string why, bool rejoin, bool expel, bool refused = false)
    {
        if (!State.Workers.TryGetValue(worker, out var view) || view.Dropped is not null)
        {
            return;
        }

        Put(worker, view with { Dropped = why });
        Send(worker, new Goodbye { Term = State.Term, Reason = why, Rejoin = rejoin, Refused = refused });
        if (expel)
        {
            Do(new Expel(worker));
        }

        Because($"{NameOf(worker)} is dropped: {why}");
    }

    public Decision<CoordinatorState, CoordinatorEffect> ToDecision() => new(State, _effects.ToImmutable(), string.Join("; ", _why));
}
