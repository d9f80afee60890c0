using Orchestrator.Core;

namespace Orchestrator.Cluster;

/// <summary>What a live run tells who wants to join it.</summary>
/// <param name="Files">host:port where the job's files are offered.</param>
/// <param name="FirstTerm">As <see cref="CoordinatorOptions.FirstTerm"/>.</param>
/// <param name="Deadlines">The run's: everybody in it needs the same.</param>
public sealed record JobOffer(Job Job, string Files, long FirstTerm, Deadlines Deadlines);
