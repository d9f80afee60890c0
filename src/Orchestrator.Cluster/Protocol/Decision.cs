using System.Collections.Immutable;

namespace Orchestrator.Cluster.Protocol;

/// <summary>
/// What a decision gives. Drive a party of the protocol like this, for real or in a simulation:
/// <code>
/// var state = CoordinatorState.Start("c1");                     // or WorkerState.Start(...)
/// foreach (var input in whatHappens)                            // messages, ticks, work that ended
///     (state, var effects, _) = CoordinatorProtocol.Decide(state, input, now, rules);   // then carry out the effects in their order
/// </code>
/// Both functions are pure: time is an argument, nothing is random, nothing is remembered elsewhere. <see cref="CoordinatorInput"/>,
/// <see cref="CoordinatorEffect"/>, <see cref="WorkerInput"/> and <see cref="WorkerEffect"/> are closed sets of records.
/// A network may lose, double, delay and reorder whatever a Send carries. A worker does one piece of <see cref="WorkerWork"/> at a time and
/// reports its end with one <see cref="WorkEnded"/>; after CancelWork it ends soon, with either result. Both parties want a tick every
/// <see cref="Deadlines.Heartbeat"/>, and the coordinator another at each WakeAt.
/// Messages are values: never changed after they are made.
/// </summary>
/// <param name="Why">For logs: one line; "" where nothing of note was decided.</param>
public sealed record Decision<TState, TEffect>(TState State, ImmutableArray<TEffect> Effects, string Why);
