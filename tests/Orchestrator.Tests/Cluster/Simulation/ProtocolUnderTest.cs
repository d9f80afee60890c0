using Orchestrator.Cluster.Protocol;

namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>The protocol that a simulation drives: the real one, unless a mutant changes what goes in or comes out.</summary>
internal class ProtocolUnderTest
{
    /// <summary>False: damage on the way of a state transfer goes unnoticed.</summary>
    public virtual bool VerifiesTransfers => true;

    public virtual Decision<CoordinatorState, CoordinatorEffect> Coordinator(CoordinatorState state, CoordinatorInput input, TimeSpan now, RunRules rules) =>
        CoordinatorProtocol.Decide(state, input, now, rules);

    public virtual Decision<WorkerState, WorkerEffect> Worker(WorkerState state, WorkerInput input, TimeSpan now, WorkerRules rules) =>
        WorkerProtocol.Decide(state, input, now, rules);
}
