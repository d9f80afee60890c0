using System.Security.Cryptography;
using Orchestrator.Collectives;
using Orchestrator.Collectives.Blobs;
using Orchestrator.Core;

namespace Orchestrator.Tests.Collectives;

[Collection(RealSockets.Name)]
public sealed class BlobTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("blobs-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_file_arrives_whole_and_a_half_one_is_gone_on_with()
    {
        await using var server = await CollectiveServer.StartAsync(new ServerOptions { Token = "t" });
        var (bytes, info) = await OfferAsync(server, 3_000_001);
        Assert.Equal("sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes)), info.Digest);
        var target = Path.Combine(_directory, "copy");
        await File.WriteAllBytesAsync(target + ".part", bytes[..1_234_567]);
        using var client = new BlobClient(new BlobSource { Address = server.Endpoint.Address, Token = "t" });
        Assert.Equal(info, await client.DescribeAsync("model"));
        var seen = new Seen();
        await client.FetchFileAsync("model", info.Digest, target, seen);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(target));
        Assert.True(seen.First > 1_234_567 && seen.Last == bytes.Length, "the download started anew");
        Assert.False(File.Exists(target + ".part"));
    }

    [Fact]
    public async Task A_file_that_does_not_hash_to_its_digest_is_refused_and_leaves_nothing()
    {
        await using var server = await CollectiveServer.StartAsync(new ServerOptions());
        var (_, info) = await OfferAsync(server, 100_000);
        var target = Path.Combine(_directory, "copy");
        await File.WriteAllBytesAsync(target + ".part", new byte[50_000]);
        using var client = new BlobClient(new BlobSource { Address = server.Endpoint.Address });
        var error = await Assert.ThrowsAsync<BlobException>(() => client.FetchFileAsync("model", info.Digest, target));
        Assert.Contains("expected is " + info.Digest, error.Message, StringComparison.Ordinal);
        Assert.Equal(["source"], Directory.GetFiles(_directory).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_stranger_without_the_token_gets_nothing()
    {
        await using var server = await CollectiveServer.StartAsync(new ServerOptions { Token = "t" });
        await OfferAsync(server, 10);
        using var client = new BlobClient(new BlobSource { Address = server.Endpoint.Address, Token = "other" });
        var error = await Assert.ThrowsAsync<BlobException>(() => client.DescribeAsync("model"));
        Assert.Contains("token", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Live_state_streams_from_memory_to_memory_over_any_split_of_buffers()
    {
        await using var server = await CollectiveServer.StartAsync(new ServerOptions());
        using var memory = new NativeBuffers();
        var source = new[] { 300_001L, 0, 5, 700_000 }.Select(n => memory.Allocate("source", n)).ToArray();
        var next = 0f;
        foreach (var buffer in source)
        {
            for (var i = 0; i < buffer.Length; i++)
            {
                buffer.Span[i] = next++;
            }
        }

        await using var offer = server.Blobs.AddState("weights", source);
        FloatBuffer[] target = [memory.Allocate("target", 1_000_000), memory.Allocate("target", 6)];
        using var client = new BlobClient(new BlobSource { Address = server.Endpoint.Address });
        await client.FetchStateAsync(offer.Info, target);
        Assert.Equal(999_999f, target[0].Span[^1]);
        Assert.Equal(1_000_005f, target[1].Span[^1]);
        await offer.DisposeAsync();
        await Assert.ThrowsAsync<BlobException>(() => client.FetchStateAsync(offer.Info, target));
    }

    private async Task<(byte[] Bytes, BlobInfo Info)> OfferAsync(CollectiveServer server, int length)
    {
        var bytes = Enumerable.Range(0, length).Select(i => (byte)(i * 7 >> 3)).ToArray();
        var path = Path.Combine(_directory, "source");
        await File.WriteAllBytesAsync(path, bytes);
        return (bytes, await server.Blobs.AddFileAsync("model", path));
    }

    private sealed class Seen : IProgress<long>
    {
        public long First { get; private set; }

        public long Last { get; private set; }

        public void Report(long value) => (First, Last) = (First == 0 ? value : First, value);
    }
}
