namespace Orchestrator.Collectives.Groups;

/// <summary>How far one peer is with one operation, as this rank sees it.</summary>
internal sealed record PeerProgress(int Rank)
{
    private readonly HashSet<int> _taken = [];

    /// <summary>The peer has started the operation.</summary>
    public bool Begun { get; set; }

    /// <summary>Bytes of its nodes that this rank has yet to receive.</summary>
    public long MissingContributions { get; set; }

    /// <summary>Bytes of its finished slice that this rank has yet to receive.</summary>
    public long MissingSums { get; set; }

    /// <summary>Bytes that this rank has yet to send to it.</summary>
    public long Unsent { get; set; }

    /// <summary>It may still read this rank's memory.</summary>
    public bool Reads { get; set; }

    /// <summary>Timestamp of the last thing that moved between the two for this operation.</summary>
    public long MovedAt { get; set; }

    /// <summary>True the first time a chunk of the peer's slice comes.</summary>
    public bool TakeOnce(int chunk) => _taken.Add(chunk);

    /// <summary>The peer has brought its nodes; what is missing is its slice, which it can send only when others have brought theirs.</summary>
    public bool AwaitsOnlySum => Begun && MissingContributions == 0 && MissingSums > 0;

    public bool Awaited => !Begun || MissingContributions > 0 || MissingSums > 0 || Unsent > 0 || Reads;
}

/// <summary>Why an operation has to be given up.</summary>
internal readonly record struct Verdict(int Suspect, string Phase, string Reason, long BytesMissing);

/// <summary>Who keeps an operation from ending: a pure function of what is known of the peers.</summary>
internal static class Watchdog
{
    /// <param name="peers">The peers' progress, with the time since it moved and the time since the peer was heard at all.</param>
    /// <param name="deadline">Without progress.</param>
    /// <param name="arrival">For a living peer to start.</param>
    /// <returns>
    /// Null while there is hope. A silent peer is blamed before one whose bytes are missing, and that one before a peer
    /// that itself may wait for another (its finished slice is missing), which counts only from when all have started and nothing moves.
    /// </returns>
    public static Verdict? Judge(
        IEnumerable<(PeerProgress Peer, TimeSpan SinceMoved, TimeSpan SinceHeard)> peers, TimeSpan deadline, TimeSpan arrival)
    {
        Verdict? verdict = null;
        var gravity = 0;
        var all = peers.ToArray();
        var still = all.All(p => p.Peer.Begun) ? all.Min(p => p.SinceMoved) : TimeSpan.Zero;
        foreach (var (peer, sinceMoved, sinceHeard) in all.Where(p => p.Peer.Awaited))
        {
            var (found, weight) = Judge(peer, peer.AwaitsOnlySum ? still : sinceMoved, sinceHeard, deadline, arrival);
            if (weight > gravity)
            {
                (verdict, gravity) = (found, weight);
            }
        }

        return verdict;
    }

    private static (Verdict Verdict, int Gravity) Judge(PeerProgress peer, TimeSpan sinceMoved, TimeSpan sinceHeard, TimeSpan deadline, TimeSpan arrival)
    {
        var missing = peer.MissingContributions + peer.MissingSums;
        var phase = !peer.Begun ? "begin" : peer.MissingContributions > 0 ? "reduce-scatter" : peer.MissingSums > 0 ? "all-gather" : "send";
        if (sinceHeard > deadline)
        {
            return (new Verdict(peer.Rank, phase, $"was not heard for {sinceHeard.TotalSeconds:0.0} s", missing), 4);
        }

        if (!peer.Begun)
        {
            return (new Verdict(peer.Rank, phase, $"is alive but has not started it for {sinceMoved.TotalSeconds:0.0} s", missing), sinceMoved > arrival ? 3 : 0);
        }

        var stuck = phase == "send" && peer.Reads ? new Verdict(peer.Rank, "release", $"still reads this rank's memory, and nothing has moved for {sinceMoved.TotalSeconds:0.0} s", missing)
            : phase == "send" ? new Verdict(peer.Rank, phase, $"took nothing for {sinceMoved.TotalSeconds:0.0} s of the {peer.Unsent} bytes it has yet to be sent", missing)
            : new Verdict(peer.Rank, phase, $"brought nothing for {sinceMoved.TotalSeconds:0.0} s", missing);
        return phase == "all-gather"
            ? (stuck, sinceMoved > 1.25 * deadline ? 1 : 0)
            : (stuck, sinceMoved > deadline ? 2 : 0);
    }
}
