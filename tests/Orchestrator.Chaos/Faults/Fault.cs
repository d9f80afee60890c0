namespace Orchestrator.Chaos.Faults;

/// <summary>What is done to whom.</summary>
internal enum FaultKind
{
    /// <summary>kill -9 of a worker host's command: its worker dies with it. Somebody starts it again after a while.</summary>
    WorkerHostKilled,

    /// <summary>kill -9 of a worker process: the command beside it starts another.</summary>
    WorkerKilled,

    TwoWorkersKilled,

    /// <summary>SIGSTOP for longer than a peer's patience, then SIGCONT.</summary>
    WorkerStopped,

    /// <summary>SIGSTOP for less than a peer's patience: nobody should be lost.</summary>
    WorkerPaused,

    /// <summary>SIGTERM: it leaves at the end of a step; another joins a while later.</summary>
    WorkerLeaves,

    /// <summary>One more worker host joins, and stays until the next fault of this kind.</summary>
    WorkerJoins,

    /// <summary>Both planes of a worker host are cut, and healed later.</summary>
    WorkerCut,

    CoordinatorKilled,

    CoordinatorStopped,

    /// <summary>SIGTERM: it hands over first.</summary>
    CoordinatorLeaves,

    CoordinatorCut,

    /// <summary>A control node that stands by: the run should not notice.</summary>
    StandbyKilled,

    StandbyCut,
}

/// <summary>What happened.</summary>
/// <param name="At">Seconds since the run's first step.</param>
/// <param name="Recovered">Seconds until the first step that was committed without the victim; null where nobody had to recover, or nobody did.</param>
/// <param name="Failure">What should have happened and has not; "" where all went well.</param>
internal sealed record Fault(FaultKind Kind, string Victim, double At, double? Recovered, string Failure)
{
    public bool LosesCoordinator => Kind is FaultKind.CoordinatorKilled or FaultKind.CoordinatorStopped or FaultKind.CoordinatorLeaves or FaultKind.CoordinatorCut;

    public bool LosesWorker => Kind is FaultKind.WorkerHostKilled or FaultKind.WorkerKilled or FaultKind.TwoWorkersKilled or FaultKind.WorkerStopped or FaultKind.WorkerCut;
}
