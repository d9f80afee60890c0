using System.Collections.Immutable;

namespace Orchestrator.Cluster;

/// <summary>A live run as its coordinator sees it.</summary>
/// <param name="Steps">Steps of the whole run.</param>
/// <param name="Control">host:port of the control nodes that are up.</param>
/// <param name="Recoveries">The last changes of membership, newest last, one line each.</param>
public sealed record RunStatus(
    string RunId,
    string Coordinator,
    RunPhase Phase,
    long Term,
    int Generation,
    long Step,
    long Steps,
    int Attempt,
    ImmutableArray<string> Control,
    ImmutableArray<WorkerStatus> Workers,
    ImmutableArray<string> Recoveries);

/// <param name="Rank">null: not in this generation.</param>
/// <param name="Doing">What it does, in a word or two.</param>
/// <param name="Leaves">Leaves dealt to it: "0-3, 6"; "" where none.</param>
/// <param name="SecondsPerLeaf">Measured; null where unknown.</param>
public sealed record WorkerStatus(
    string Name, string Address, int? Rank, string Doing, long Applied, string Leaves, double? SecondsPerLeaf, double LastHeardSeconds);
