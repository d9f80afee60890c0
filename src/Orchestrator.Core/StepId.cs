namespace Orchestrator.Core;

/// <summary>
/// Names one try at one optimizer step. It is on every message and in every frame on the wire, so that what is late, from a
/// coordinator that was replaced or from a worker that slept, is recognised and changes nothing.
/// </summary>
/// <param name="Term">Incarnation of the coordinator; rises at each hand-over.</param>
/// <param name="Generation">Version of the membership; rises whenever a worker enters or leaves.</param>
/// <param name="Step">Optimizer updates committed before this one; the first step is 0.</param>
/// <param name="Attempt">Retries of this step so far.</param>
public readonly record struct StepId(long Term, int Generation, long Step, int Attempt) : IComparable<StepId>
{
    public int CompareTo(StepId other) =>
        (Term, Generation, Step, Attempt).CompareTo((other.Term, other.Generation, other.Step, other.Attempt));

    public static bool operator <(StepId left, StepId right) => left.CompareTo(right) < 0;

    public static bool operator >(StepId left, StepId right) => left.CompareTo(right) > 0;

    public static bool operator <=(StepId left, StepId right) => left.CompareTo(right) <= 0;

    public static bool operator >=(StepId left, StepId right) => left.CompareTo(right) >= 0;

    public override string ToString() => $"term {Term} generation {Generation} step {Step} attempt {Attempt}";
}
