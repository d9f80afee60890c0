using System.Collections.Immutable;
using Orchestrator.Collectives;
using Orchestrator.Core;

namespace Orchestrator.Tests.Collectives;

/// <summary>How the ranks of a test reach each other.</summary>
public enum Way
{
    Grpc,

    /// <summary>Same process, by reference.</summary>
    Reference,

    /// <summary>Through mappings of each other's shared memory, as between processes; the buffers are shared.</summary>
    Mapped,

    /// <summary>The same, with buffers in private memory.</summary>
    Staged,

    /// <summary>Even ranks on one host, odd ones on another; gRPC between the two.</summary>
    TwoHosts,
}

/// <summary>Ranks of one generation inside the test process, each with its own server.</summary>
internal sealed class RankHarness : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Way _way;

    private RankHarness(ImmutableArray<CollectiveServer> servers, Way way) => (Servers, _way) = (servers, way);

    public ImmutableArray<CollectiveServer> Servers { get; }

    public CollectiveGroup[] Groups { get; private set; } = [];

    public NativeBuffers Memory { get; } = new();

    public static async Task<RankHarness> StartAsync(int ranks, Way way = Way.Grpc, Func<GroupOptions, GroupOptions>? change = null)
    {
        var servers = await Task.WhenAll(Enumerable.Range(0, ranks).Select(_ => CollectiveServer.StartAsync(new ServerOptions { Token = "secret" })));
        var harness = new RankHarness([.. servers], way);
        await harness.FormAsync(1, change);
        return harness;
    }

    public async Task FormAsync(int generation, Func<GroupOptions, GroupOptions>? change = null)
    {
        Groups = await Task.WhenAll(Servers.Select((server, rank) =>
            CollectiveGroup.ConnectAsync(server, Options(rank, generation, change))));
    }

    public GroupOptions Options(int rank, int generation, Func<GroupOptions, GroupOptions>? change = null)
    {
        var options = new GroupOptions
        {
            RunId = "test",
            Term = 1,
            Generation = generation,
            Rank = rank,
            Members = [.. Servers.Select((s, r) => s.Endpoint with { HostId = _way == Way.TwoHosts ? $"host {r % 2}" : "host" })],
            Token = "secret",
            Transport = _way == Way.Grpc ? Transport.Grpc : Transport.Auto,
            AlwaysMap = _way is Way.Mapped or Way.Staged,
            ConnectDeadline = TimeSpan.FromSeconds(20),
        };
        return change is null ? options : change(options);
    }

    public Task EachAsync(Func<CollectiveGroup, Task> work) => Task.WhenAll(Groups.Select(work)).WaitAsync(Patience);

    /// <summary>A buffer of a rank, in the kind of memory the way asks for.</summary>
    public FloatBuffer Allocate(CollectiveGroup rank, long floats) => _way == Way.Mapped
        ? Servers[rank.Rank].Memory.Allocate("test", floats)
        : Memory.Allocate("test", floats);

    public FloatBuffer Filled(CollectiveGroup rank, long floats, Func<long, float> value)
    {
        var buffer = Allocate(rank, floats);
        for (long i = 0; i < floats; i++)
        {
            buffer.Slice(i, 1).Span[0] = value(i);
        }

        return buffer;
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(Groups.Select(g => g.DisposeAsync().AsTask()));
        await Task.WhenAll(Servers.Select(s => s.DisposeAsync().AsTask()));
        Memory.Dispose();
    }
}
