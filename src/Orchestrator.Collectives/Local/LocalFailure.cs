using Orchestrator.Collectives.Groups;

namespace Orchestrator.Collectives.Local;

/// <summary>A rank beside this one is not where it should be.</summary>
internal sealed class LocalFailure(Verdict verdict, LocalPeer? gaveUp = null) : Exception(verdict.Reason)
{
    public Verdict Verdict => verdict;

    /// <summary>The peer that has left the operation, for a reason of its own; null for any other failure.</summary>
    public LocalPeer? GaveUp => gaveUp;

    public static LocalFailure Of(LocalPeer peer, string phase, string reason) => new(new Verdict(peer.Rank, phase, reason, 0));

    /// <summary>The peer has left the operation; why, it tells by itself.</summary>
    public static LocalFailure GivenUp(LocalPeer peer, string phase, string reason) => new(new Verdict(peer.Rank, phase, reason, 0), peer);
}
