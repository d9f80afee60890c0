using Google.Protobuf;
using Orchestrator.Cluster.Messages;

namespace Orchestrator.Cluster.Protocol;

/// <summary>What can happen to a worker.</summary>
public abstract record WorkerInput;

/// <summary>A message of somebody who says to be a coordinator.</summary>
public sealed record CommandHeard(string From, IMessage Command) : WorkerInput;

/// <summary>A piece of work has ended.</summary>
public sealed record WorkEnded(WorkerWork Work, WorkResult Result) : WorkerInput;

/// <summary>The leaves of the step that is being computed are done; from now on it waits for others too.</summary>
public sealed record LeavesDone(StepId Id) : WorkerInput;

/// <summary>Somebody asks this worker to leave (SIGTERM).</summary>
public sealed record LeaveRequested(string Reason) : WorkerInput;

/// <summary>Time has passed; wanted every <see cref="Deadlines.Heartbeat"/>.</summary>
public sealed record WorkerTick : WorkerInput;

/// <summary>Something the replica or the group does, off the actor. One at a time.</summary>
public abstract record WorkerWork;

public sealed record PrepareJob(TakeJob Command) : WorkerWork;

public sealed record MeetGroup(FormGroup Command) : WorkerWork;

public sealed record ComputeLeaves(ComputeStep Command) : WorkerWork;

/// <summary>Applies what is staged; withdraws the state on offer first. The staged vote says whether the gradient is finite.</summary>
public sealed record ApplyStaged(StepId Id, bool Finite) : WorkerWork;

public sealed record EvaluateLeaves(Evaluate Command) : WorkerWork;

public sealed record SaveState(Save Command) : WorkerWork;

public sealed record OfferOwnState(OfferState Command) : WorkerWork;

public sealed record AdoptState(FetchState Command) : WorkerWork;

/// <summary>How a piece of work ended.</summary>
public abstract record WorkResult;

/// <summary>Of PrepareJob, ApplyStaged, AdoptState and MeetGroup: where the replica is now.</summary>
public sealed record AtStep(long Applied, ulong StateDigest, string Compute = "") : WorkResult;

/// <summary>Of ComputeLeaves, EvaluateLeaves, SaveState, OfferOwnState: what to tell the coordinator.</summary>
public sealed record Answer(IMessage Message) : WorkResult;

/// <param name="Suspect">The rank whose fault it is, where it is another's.</param>
/// <param name="OwnFault">This worker's device, memory, files: another try here will not mend it.</param>
/// <param name="Cancelled">It ended because it was told to.</param>
public sealed record WorkFailed(string Reason, int? Suspect = null, bool OwnFault = false, bool Cancelled = false) : WorkResult;

/// <summary>What a worker is to do.</summary>
public abstract record WorkerEffect;

/// <param name="To">The coordinator that is meant: not always the one that is followed.</param>
public sealed record Reply(string To, IMessage Message) : WorkerEffect;

/// <summary>Begin this work; nothing else is running. Its end is reported by <see cref="WorkEnded"/>.</summary>
public sealed record BeginWork(WorkerWork Work) : WorkerEffect;

/// <summary>The running work shall end soon.</summary>
public sealed record CancelWork : WorkerEffect;

/// <summary>Forget the files of the checkpoint of this step that were offered for download.</summary>
public sealed record ForgetShipped(long Step) : WorkerEffect;

/// <summary>The worker is done: leave the cluster and end, or join again as a new worker with the same replica.</summary>
public sealed record EndWorker(WorkerEnd End, string Reason, bool Rejoin) : WorkerEffect;

/// <summary>A line for people.</summary>
public sealed record Note(string Line) : WorkerEffect;
