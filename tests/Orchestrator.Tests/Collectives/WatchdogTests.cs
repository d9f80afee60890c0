using Orchestrator.Collectives.Groups;

namespace Orchestrator.Tests.Collectives;

/// <summary>Who is blamed, with a deadline of 5 s and 60 s for a living peer to begin.</summary>
public sealed class WatchdogTests
{
    private static readonly PeerProgress NotBegun = new(1);
    private static readonly PeerProgress OwesNodes = new(2) { Begun = true, MissingContributions = 8, MissingSums = 4 };
    private static readonly PeerProgress OwesSum = new(3) { Begun = true, MissingSums = 4 };
    private static readonly PeerProgress IsOwed = new(4) { Begun = true, Unsent = 16 };
    private static readonly PeerProgress Reading = new(5) { Begun = true, Reads = true };
    private static readonly PeerProgress Done = new(6) { Begun = true };

    [Fact]
    public void Whoever_is_heard_and_moves_is_left_in_peace()
    {
        Assert.Null(Judge((NotBegun, 59, 1), (OwesNodes, 4.9, 4.9), (OwesSum, 6, 0), (IsOwed, 4.9, 0), (Reading, 4.9, 0)));
        Assert.Null(Judge((Done, 100, 100)));
    }

    [Fact]
    public void Each_way_to_fail_has_its_phase_and_what_is_missing()
    {
        Blames(1, "begin", 0, "has not started it for 61.0 s", (NotBegun, 61, 1));
        Blames(2, "reduce-scatter", 12, "brought nothing for 5.1 s", (OwesNodes, 5.1, 0));
        Blames(3, "all-gather", 4, "brought nothing for 6.3 s", (OwesSum, 6.3, 0));
        Blames(4, "send", 0, "of the 16 bytes", (IsOwed, 5.1, 0));
        Blames(5, "release", 0, "still reads this rank's memory", (Reading, 5.1, 0));
    }

    [Fact]
    public void A_silent_peer_is_blamed_before_one_that_never_began_and_that_one_before_one_that_only_waits()
    {
        Blames(4, "send", 0, "was not heard for 5.1 s", (NotBegun, 61, 0), (OwesNodes, 9, 0), (IsOwed, 0, 5.1));
        Blames(1, "begin", 0, "alive", (NotBegun, 61, 0), (OwesNodes, 9, 0), (OwesSum, 99, 0));
        Blames(2, "reduce-scatter", 12, "brought nothing", (OwesNodes, 9, 0), (OwesSum, 99, 0));
    }

    // Its slice can only come when the others have brought theirs: not while one has yet to begin, nor while anybody moves.
    [Fact]
    public void Who_owes_only_its_slice_is_not_blamed_while_others_may_keep_it()
    {
        Assert.Null(Judge((OwesSum, 99, 0), (NotBegun, 30, 0)));
        Assert.Null(Judge((OwesSum, 99, 0), (Done, 1, 0)));
        Assert.Null(Judge((OwesSum, 6, 0)));   // a quarter longer than others, who may be what it waits for
    }

    private static void Blames(int rank, string phase, long missing, string reason, params (PeerProgress, double, double)[] peers)
    {
        var verdict = Assert.NotNull(Judge(peers));
        Assert.Equal((rank, phase, missing), (verdict.Suspect, verdict.Phase, verdict.BytesMissing));
        Assert.Contains(reason, verdict.Reason, StringComparison.Ordinal);
    }

    private static Verdict? Judge(params (PeerProgress Peer, double Moved, double Heard)[] peers) => Watchdog.Judge(
        peers.Select(p => (p.Peer, TimeSpan.FromSeconds(p.Moved), TimeSpan.FromSeconds(p.Heard))), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(60));
}
