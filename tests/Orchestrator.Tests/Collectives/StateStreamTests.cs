using Orchestrator.Collectives;
using Orchestrator.Collectives.Blobs;
using Orchestrator.Core;

namespace Orchestrator.Tests.Collectives;

/// <summary>State streams over a connection that breaks, or that changes a byte.</summary>
[Collection(RealSockets.Name)]
public sealed class StateStreamTests : IAsyncLifetime
{
    private const int Floats = 1_500_000;

    private readonly NativeBuffers _memory = new();
    private CollectiveServer _server = null!;
    private StateOffer _offer = null!;
    private FloatBuffer _target;

    public async Task InitializeAsync()
    {
        _server = await CollectiveServer.StartAsync(new ServerOptions());
        var source = _memory.Allocate("source", Floats);
        for (var i = 0; i < Floats; i++)
        {
            source.Span[i] = i;
        }

        _offer = _server.Blobs.AddState("state", [source]);
        _target = _memory.Allocate("target", Floats);
    }

    public async Task DisposeAsync()
    {
        await _offer.DisposeAsync();
        await _server.DisposeAsync();
        _memory.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stream_that_breaks_or_falls_silent_goes_on_where_it_stopped(bool closes)
    {
        await using var wire = new TcpProxy(_server.Endpoint.Address, (connection, passed, bytes) =>
            connection > 0 || passed + bytes.Length < 3_000_000 ? bytes : closes ? default(Memory<byte>?) : Memory<byte>.Empty);
        var seen = await FetchAsync(wire);
        Assert.Equal(2, wire.Connections);
        Assert.True(seen.Count <= 1 + Floats * sizeof(float) / (512 * 1024), $"{seen.Count} chunks came: the stream began anew");
    }

    [Fact]
    public async Task A_byte_that_was_changed_on_the_way_is_noticed_and_fetched_again()
    {
        var changed = 0;
        await using var wire = new TcpProxy(_server.Endpoint.Address, (_, passed, bytes) =>
        {
            if (passed > 1_000_000 && bytes.Length > 5000 && Interlocked.Exchange(ref changed, 1) == 0)
            {
                bytes.Span[4321] ^= 4;
            }

            return bytes;
        });
        await FetchAsync(wire);
        Assert.Equal(1, changed);
    }

    private async Task<List<long>> FetchAsync(TcpProxy wire)
    {
        using var client = new BlobClient(new BlobSource { Address = wire.Address, ProgressDeadline = TimeSpan.FromSeconds(2), Attempts = 10 });
        var seen = new Seen();
        await client.FetchStateAsync(_offer.Info, [_target], seen).WaitAsync(RankHarness.Patience);
        for (var i = 0; i < Floats; i++)
        {
            Assert.Equal(i, _target.Span[i]);
        }

        Assert.Equal(seen.Values.Order(), seen.Values);
        return seen.Values;
    }

    private sealed class Seen : IProgress<long>
    {
        public List<long> Values { get; } = [];

        public void Report(long value) => Values.Add(value);
    }
}
