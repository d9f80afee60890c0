using System.Collections.Immutable;
using Orchestrator.Collectives;
using Orchestrator.Core;

namespace Orchestrator.Tests.Collectives;

/// <summary>Ranks of one generation inside the test process, each with its own server and native memory.</summary>
internal sealed class RankHarness : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private RankHarness(ImmutableArray<CollectiveServer> servers) => Servers = servers;

    public ImmutableArray<CollectiveServer> Servers { get; }

    public CollectiveGroup[] Groups { get; private set; } = [];

    public NativeBuffers Memory { get; } = new();

    public static async Task<RankHarness> StartAsync(int ranks, Func<GroupOptions, GroupOptions>? change = null)
    {
        var servers = await Task.WhenAll(Enumerable.Range(0, ranks).Select(_ => CollectiveServer.StartAsync(new ServerOptions { Token = "secret" })));
        var harness = new RankHarness([.. servers]);
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
            Members = [.. Servers.Select(s => s.Endpoint)],
            Token = "secret",
            Transport = Transport.Grpc,
            ConnectDeadline = TimeSpan.FromSeconds(20),
        };
        return change is null ? options : change(options);
    }

    public Task EachAsync(Func<CollectiveGroup, Task> work) => Task.WhenAll(Groups.Select(work)).WaitAsync(Patience);

    public FloatBuffer Allocate(string name, long floats) => Memory.Allocate(name, floats);

    public FloatBuffer Filled(long floats, Func<long, float> value)
    {
        var buffer = Memory.Allocate("filled", floats);
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
