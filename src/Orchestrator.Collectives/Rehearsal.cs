using Orchestrator.Core;

namespace Orchestrator.Collectives;

/// <summary>
/// Two ranks that are both this process meet and reduce a little, over gRPC and through mappings. Whatever a first collective has to compile, load
/// and open is done then, and not while a whole run waits for one that joins.
/// </summary>
public static class Rehearsal
{
    private const int Rounds = 3;

    /// <param name="options">Of the groups to come; members, rank and names are the rehearsal's own.</param>
    /// <exception cref="CollectiveException">This process cannot reach itself under the address that it tells others.</exception>
    public static async Task RunAsync(CollectiveServer server, GroupOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(server);
        ArgumentNullException.ThrowIfNull(options);
        foreach (var way in new[] { Transport.Grpc, Transport.Auto })
        {
            var both = options with { RunId = $"rehearsal-{way}", Members = [server.Endpoint, server.Endpoint], Rank = 0, Transport = way, AlwaysMap = true };
            await Task.WhenAll(RankAsync(server, both, cancellation), RankAsync(server, both with { Rank = 1 }, cancellation));
        }
    }

    private static async Task RankAsync(CollectiveServer server, GroupOptions options, CancellationToken cancellation)
    {
        await using var group = await CollectiveGroup.ConnectAsync(server, options, cancellation);
        var floats = options.OneHopBytes / sizeof(float) * 4L;   // more than go in one hop
        var buffer = server.Memory.Allocate("rehearsal", floats * 2);
        var (mine, result) = (buffer.Slice(0, floats), buffer.Slice(floats, floats));
        try
        {
            for (var round = 0; round < Rounds; round++)
            {
                var id = new StepId(options.Term, options.Generation, round, 0);
                await group.AllReduceAsync(id, 0, mine, result, cancellation);
                await group.AllReduceAsync(id, 1, mine.Slice(0, 16), result.Slice(0, 16), cancellation);
            }
        }
        finally
        {
            server.Memory.Release(buffer);
        }
    }
}
