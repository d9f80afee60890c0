using System.Text.Json;
using Orchestrator.Collectives;
using Orchestrator.Tests.Collectives;

namespace Orchestrator.ProcessTests;

/// <summary>Nothing but a network between them, and everything on it encrypted.</summary>
public sealed class TwoHostsTests
{
    private const string Secret = "only for this test";

    // 1 a host: gradients by gRPC alone; 2 a host: added up within each in shared memory first.
    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_run_over_tls_with_several_connections_ends_with_the_weights_of_one_process(int workers)
    {
        using var hosts = new TwoHosts();
        using var run = new SmallRun(steps: 6);
        using var authority = new TestAuthority(run.Folder, "authority");
        var (here, there) = (authority.Issue(TwoHosts.Address(0)), authority.Issue(TwoHosts.Address(1)));
        await using var coordinator = OrchestratorProcess.StartWith(
            hosts.On(0),
            run.Train("out", "--workers", $"{workers}", "--set", $"wait_for_workers={2 * workers}", "--set", "connections=3", "--set", $"bind={TwoHosts.Address(0)}", "--set", $"tls_certificate={here.CertificateFile}", "--set", $"tls_key={here.KeyFile}", "--set", $"tls_authority={here.AuthorityFile}"),
            ("ORCHESTRATOR_TOKEN", Secret));
        var address = (await coordinator.LineAsync("Coordinator at ")).Split(' ')[^1].TrimEnd('.');
        await using var worker = OrchestratorProcess.StartWith(
            hosts.On(1),
            ["worker", "--join", address, "--device", "cpu", "--threads", "1", "--workers", $"{workers}", "--bind", TwoHosts.Address(1), "--cache", run.Out("cache"), "--tls-certificate", there.CertificateFile, "--tls-key", there.KeyFile, "--tls-authority", there.AuthorityFile],
            ("ORCHESTRATOR_TOKEN", Secret));
        Assert.True(await coordinator.ExitCodeAsync() == 0, coordinator.Output + "\n" + worker.Output);
        Assert.True(await worker.ExitCodeAsync() == 0, worker.Output);
        await OrchestratorProcess.RunAsync(0, run.Train("alone", "--workers", "1"));
        Assert.Equal(run.WeightsSha256("alone"), run.WeightsSha256("out"));
    }

    [SkippableTheory]
    [InlineData(2, 1, false)]
    [InlineData(4, 2, true)]
    public async Task Bench_allreduce_joins_another_host(int ranks, int local, bool tls)
    {
        using var hosts = new TwoHosts();
        var folder = Directory.CreateTempSubdirectory("bench-").FullName;
        using var authority = new TestAuthority(folder, "authority");
        string[] Bench(int host, params string[] more) =>
            ["bench", "allreduce", "--bind", TwoHosts.Address(host), "--local", $"{local}", "--token", Secret, .. tls ? Tls(authority.Issue(TwoHosts.Address(host))) : [], .. more];

        await using var first = OrchestratorProcess.StartWith(hosts.On(0), Bench(0, "--ranks", $"{ranks}", "--bytes", "4,40000,4000000", "--rounds", "1", "--repeats", "2", "--port", "7431", "--json"));
        await using var second = OrchestratorProcess.StartWith(hosts.On(1), Bench(1, "--join", $"{TwoHosts.Address(0)}:7431"));
        Assert.True(await first.ExitCodeAsync() == 0, first.Output + "\n" + second.Output);
        Assert.True(await second.ExitCodeAsync() == 0, second.Output);
        var sizes = first.Output.Split('\n').Where(line => line.StartsWith('{')).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal([4, 40_000, 4_000_000], sizes.Select(size => size.GetProperty("bytes").GetInt32()));
        Assert.All(sizes, size => Assert.Equal((ranks, true), (size.GetProperty("ranks").GetInt32(), size.GetProperty("correct").GetBoolean())));
        Directory.Delete(folder, recursive: true);
    }

    [SkippableFact]
    public async Task Two_hosts_have_no_memory_in_common()
    {
        using var hosts = new TwoHosts();
        string[] Bench(int host, params string[] more) => ["bench", "allreduce", "--bind", TwoHosts.Address(host), "--local", "1", "--token", Secret, .. more];
        await using var first = OrchestratorProcess.StartWith(hosts.On(0), Bench(0, "--ranks", "2", "--bytes", "4000", "--rounds", "1", "--transport", "shm", "--port", "7432"));
        await using var second = OrchestratorProcess.StartWith(hosts.On(1), Bench(1, "--join", $"{TwoHosts.Address(0)}:7432"));
        Assert.NotEqual(0, await first.ExitCodeAsync());
        Assert.Contains("needs all ranks on one host", first.Output, StringComparison.Ordinal);
    }

    private static string[] Tls(TlsOptions tls) => ["--tls", $"{tls.CertificateFile},{tls.KeyFile},{tls.AuthorityFile}"];
}
