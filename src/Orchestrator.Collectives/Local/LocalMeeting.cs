using Orchestrator.Core;

namespace Orchestrator.Collectives.Local;

/// <summary>Waits until every rank beside this one is in the same operation, and learns where its buffers are.</summary>
internal sealed class LocalMeeting(LocalExchange exchange, LocalOperation operation, LocalPeer[] peers)
{
    /// <returns>False if the operation was closed meanwhile.</returns>
    public bool MatchAll()
    {
        foreach (var peer in peers)
        {
            if (!exchange.Await(operation, peer, TryMatch))
            {
                return false;
            }

            operation.Began(peer.Rank);
        }

        return true;
    }

    private bool TryMatch(LocalPeer peer)
    {
        var generation = operation.Key.Id;
        if (!peer.Page.TryRead(generation, out var version, out var key, out var length, out var digest, out var places))
        {
            return false;
        }

        if (key != operation.Key)
        {
            return key.Id > generation ? throw LocalFailure.GivenUp(peer, "begin", $"is already at {key.Id}")
                : key.Id == generation && !exchange.HasPassed(key) ? throw LocalFailure.Of(peer, "begin", $"has started {key} first, and this rank {operation.Key}: all ranks start the operations of a step in one order")
                : false;
        }

        if (length != operation.Plan.Length || digest != operation.Plan.Digest)
        {
            throw LocalFailure.Of(peer, "begin", $"was asked for something else under the same name: {length} floats there, {operation.Plan.Length} here{(length == operation.Plan.Length ? ", with other nodes or settings" : "")}");
        }

        if (peer.SameProcess)
        {
            exchange.Page.Attach(peer.Rank, version);
        }

        try
        {
            peer.Match(version, places);
        }
        catch (IOException error)
        {
            throw LocalFailure.Of(peer, "begin", $"shares no memory: {error.Message}"); // It has died between showing the place and now.
        }

        if (peer.HoldsStill())
        {
            return true;
        }

        exchange.Page.Attach(peer.Rank, 0);
        return false;
    }
}
