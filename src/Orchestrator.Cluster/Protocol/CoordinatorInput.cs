using System.Collections.Immutable;
using Google.Protobuf;
using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>What can happen to a coordinator. Workers go by an id that is never used again: a process that joins anew has a new one.</summary>
public abstract record CoordinatorInput;

/// <summary>A worker's node is there; nothing else is known of it.</summary>
public sealed record WorkerSeen(string Worker) : CoordinatorInput;

/// <summary>A worker's node has left or was removed for good.</summary>
public sealed record WorkerGone(string Worker, string Why) : CoordinatorInput;

/// <summary>A worker's connection broke, or its node seems unreachable: it may be dead.</summary>
public sealed record WorkerDoubted(string Worker, string Why) : CoordinatorInput;

/// <summary>A worker's process is gone: its machine refuses connections to it.</summary>
public sealed record WorkerRefuses(string Worker) : CoordinatorInput;

public sealed record AnswerHeard(string From, IMessage Message) : CoordinatorInput;

/// <summary>Somebody asks the run to stop.</summary>
public sealed record StopRequested(string Reason) : CoordinatorInput;

/// <summary>A shipped checkpoint is complete in its directory; <paramref name="Error"/> says why it is not, else "".</summary>
public sealed record CheckpointFetched(long Step, string Error) : CoordinatorInput;

/// <summary>Time has passed.</summary>
public sealed record CoordinatorTick : CoordinatorInput;

/// <summary>What the coordinator is to do.</summary>
public abstract record CoordinatorEffect;

public sealed record Send(string To, IMessage Message) : CoordinatorEffect;

public sealed record Publish(RunEvent Event) : CoordinatorEffect;

/// <summary>Remove the worker's node from the cluster: it is lost, or will not go.</summary>
public sealed record Expel(string Worker) : CoordinatorEffect;

/// <summary>See whether anybody listens where the worker did; ends in <see cref="WorkerRefuses"/> if its machine says no, else in nothing.</summary>
public sealed record LookAt(string Worker) : CoordinatorEffect;

/// <summary>Decide again, with a tick, at this time.</summary>
public sealed record WakeAt(TimeSpan Time) : CoordinatorEffect;

/// <summary>Download a checkpoint from the worker that wrote it; ends in <see cref="CheckpointFetched"/>.</summary>
/// <param name="Endpoint">Of that worker's data plane.</param>
public sealed record FetchCheckpoint(long Step, string Endpoint, string Directory, ImmutableArray<ShippedFile> Files) : CoordinatorEffect;

/// <summary>The run is over, before anybody has been told goodbye: the other control nodes need not wait to take over.</summary>
public sealed record AnnounceEnd(RunOutcome Outcome) : CoordinatorEffect;

/// <summary>This coordinator is done.</summary>
public sealed record EndRun(RunOutcome Outcome) : CoordinatorEffect;
