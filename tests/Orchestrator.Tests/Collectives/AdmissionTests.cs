using System.Collections.Immutable;
using Orchestrator.Collectives;
using Orchestrator.Collectives.Blobs;
using Orchestrator.Core;

namespace Orchestrator.Tests.Collectives;

/// <summary>Who is let in: certificates on both ends, and the token.</summary>
[Collection(RealSockets.Name)]
public sealed class AdmissionTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("admission-").FullName;
    private readonly TestAuthority _ours;
    private readonly TestAuthority _strange;

    public AdmissionTests() => (_ours, _strange) = (new TestAuthority(_directory, "ours"), new TestAuthority(_directory, "strange"));

    public void Dispose()
    {
        _ours.Dispose();
        _strange.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Ranks_with_certificates_of_one_authority_reduce_over_tls()
    {
        TlsOptions[] tls = [_ours.Issue(), _ours.Issue()];
        await using var servers = await StartAsync(tls);
        var groups = await Task.WhenAll(Enumerable.Range(0, 2).Select(rank => servers.ConnectAsync(rank, tls[rank])));
        using var memory = new NativeBuffers();
        var mine = groups.Select(g => memory.Allocate("mine", 300_001)).ToArray();
        var results = groups.Select(g => memory.Allocate("result", 300_001)).ToArray();
        Array.ForEach(mine, buffer => buffer.Span.Fill(2.5f));
        await Task.WhenAll(groups.Select(g => g.AllReduceAsync(new StepId(0, 0, 0, 0), 0, mine[g.Rank], results[g.Rank]))).WaitAsync(RankHarness.Patience);
        Assert.All(results, result => Assert.Equal(-1, result.Span.IndexOfAnyExcept(5f)));
        await Task.WhenAll(groups.Select(g => g.DisposeAsync().AsTask()));
    }

    [Fact]
    public async Task A_rank_whose_certificate_another_authority_signed_is_refused()
    {
        var ours = _ours.Issue();
        var stranger = _strange.Issue(trusted: _ours.AuthorityFile);
        await RefusedAsync([ours, stranger], [ours, stranger]);
    }

    [Fact]
    public async Task A_rank_without_tls_is_refused_by_one_with() => await RefusedAsync([_ours.Issue(), _ours.Issue()], [null, null]);

    [Fact]
    public async Task A_certificate_for_another_address_is_refused()
    {
        TlsOptions[] tls = [_ours.Issue("10.1.2.3"), _ours.Issue("10.1.2.3")];
        await RefusedAsync(tls, tls);
    }

    [Fact]
    public async Task A_rank_with_another_token_is_refused_and_told_so()
    {
        await using var servers = await StartAsync([null, null]);
        var error = await Assert.ThrowsAsync<CollectiveException>(() => servers.ConnectAsync(0, null, token: "guess"));
        Assert.Equal((1, "connect"), (error.Suspect, error.Phase));
        Assert.Contains("token", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Blobs_are_given_only_to_a_client_with_a_certificate_of_the_authority()
    {
        await using var servers = await StartAsync([_ours.Issue()]);
        var path = Path.Combine(_directory, "file");
        await File.WriteAllTextAsync(path, "content");
        await servers.All[0].Blobs.AddFileAsync("file", path);
        var source = new BlobSource { Address = servers.All[0].Endpoint.Address, Token = "secret", Attempts = 1 };
        using var friend = new BlobClient(source with { Tls = _ours.Issue() });
        Assert.Equal(7, (await friend.DescribeAsync("file")).Bytes);
        using var stranger = new BlobClient(source with { Tls = _strange.Issue(trusted: _ours.AuthorityFile) });
        await Assert.ThrowsAsync<BlobException>(() => stranger.DescribeAsync("file"));
        using var plain = new BlobClient(source);
        await Assert.ThrowsAsync<BlobException>(() => plain.DescribeAsync("file"));
    }

    private static async Task RefusedAsync(TlsOptions?[] serving, TlsOptions?[] calling)
    {
        await using var servers = await StartAsync(serving);
        await Task.WhenAll(Enumerable.Range(0, 2).Select(async rank =>
            Assert.Equal("connect", (await Assert.ThrowsAsync<CollectiveException>(() => servers.ConnectAsync(rank, calling[rank]))).Phase)));
    }

    private static async Task<Servers> StartAsync(TlsOptions?[] tls) =>
        new([.. await Task.WhenAll(tls.Select(own => CollectiveServer.StartAsync(new ServerOptions { Token = "secret", Tls = own })))]);

    private sealed record Servers(ImmutableArray<CollectiveServer> All) : IAsyncDisposable
    {
        public Task<CollectiveGroup> ConnectAsync(int rank, TlsOptions? tls, string token = "secret") => CollectiveGroup.ConnectAsync(All[rank], new GroupOptions
        {
            RunId = "run",
            Rank = rank,
            Members = [.. All.Select(server => server.Endpoint)],
            Token = token,
            Tls = tls,
            Transport = Transport.Grpc,
            ProgressDeadline = TimeSpan.FromSeconds(2),
            ConnectDeadline = TimeSpan.FromSeconds(10),
        });

        public async ValueTask DisposeAsync() => await Task.WhenAll(All.Select(server => server.DisposeAsync().AsTask()));
    }
}
