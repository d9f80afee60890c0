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
        var buffer = server.Memory.Allocate("rehearsal", options.OneHopBytes / sizeof(float) * 4L);
        try
        {
            for (var round = 0; round < Rounds; round++)
            {
                await group.AllReduceAsync(new StepId(options.Term, options.Generation, round, 0), 0, buffer, buffer, cancellation);
                await group.AllReduceAsync(new StepId(options.Term, options.Generation, round, 0), 1, buffer.Slice(0, 16), buffer.Slice(0, 16), cancellation);
            }
        }
        finally
        {
            server.Memory.Release(buffer);
        }
    }
}
