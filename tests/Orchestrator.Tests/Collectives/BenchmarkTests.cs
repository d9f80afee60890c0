using Orchestrator.Collectives;
using Orchestrator.Collectives.Benchmark;

namespace Orchestrator.Tests.Collectives;

[Collection(RealSockets.Name)]
public sealed class BenchmarkTests
{
    [Theory]
    [InlineData("grpc", "bf16")]
    [InlineData("auto", "fp32")]
    public async Task Every_element_is_checked_and_bandwidth_is_what_nccl_tests_mean_by_it(string transport, string wire)
    {
        var options = AllReduceBenchmarkOptions.Parse(["--one-process", "--ranks", "3", "--bytes", "4096,1000004", "--transport", transport, "--wire", wire, "--rounds", "1", "--repeats", "3", "--json"]);
        using var output = new StringWriter();
        var results = await AllReduceBenchmark.RunAsync(options, [], output).WaitAsync(RankHarness.Patience);
        Assert.Equal([4096L, 1000004L], results.Select(r => r.Bytes));
        Assert.All(results, r =>
        {
            Assert.True(r.Correct);
            Assert.Equal(0, r.WrongElements);
            Assert.Equal(3, r.Reps);
            Assert.Equal(r.Bytes / r.MedianMs / 1e6, r.AlgbwGbs, 9);
            Assert.Equal(r.AlgbwGbs * 4 / 3, r.BusbwGbs, 9); // 2(n-1)/n with n = 3
        });
        Assert.Equal(2, output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Count(line => line.StartsWith("{\"peer\"", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Ranks_of_another_call_join_by_address_and_token_and_a_stranger_is_told_why_not()
    {
        var options = new AllReduceBenchmarkOptions { Ranks = 2, LocalRanks = 0, Bytes = [4096], Rounds = 1, Repeats = 2, Token = "shared", Patience = RankHarness.Patience };
        using var output = new Announcing();
        var measuring = AllReduceBenchmark.RunAsync(options, [], output);
        var desk = (await output.FirstLine.WaitAsync(RankHarness.Patience)).Split(' ')[2].TrimEnd(':');
        await Assert.ThrowsAsync<IOException>(() => AllReduceBenchmark.RunRankAsync(desk));
        var tls = await Assert.ThrowsAsync<ArgumentException>(() => AllReduceBenchmark.ServeDeskAsync(desk, "shared", new TlsOptions("c.pem", "k.pem", "a.pem"), default));
        Assert.Contains("without TLS", tls.Message, StringComparison.Ordinal);
        await Task.WhenAll(AllReduceBenchmark.ServeDeskAsync(desk, "shared", null, default), AllReduceBenchmark.ServeDeskAsync(desk, "shared", null, default), measuring).WaitAsync(RankHarness.Patience);
        Assert.True(Assert.Single(await measuring).Correct);
    }

    [Theory]
    [InlineData("--ranks is 0", "--ranks", "0")]
    [InlineData("--bytes is '4k'", "--bytes", "4k")]
    [InlineData("multiples of 4", "--bytes", "4097")]
    [InlineData("auto|shm|grpc", "--transport", "tcp")]
    [InlineData("knows no --speed", "--speed", "9")]
    [InlineData("--rounds needs a value", "--rounds")]
    public void What_does_not_fit_is_named(string says, params string[] arguments) =>
        Assert.Contains(says, Assert.Throws<ArgumentException>(() => AllReduceBenchmarkOptions.Parse(arguments)).Message, StringComparison.Ordinal);

    private sealed class Announcing : StringWriter
    {
        private readonly TaskCompletionSource<string> _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<string> FirstLine => _first.Task;

        public override Task WriteLineAsync(string? value)
        {
            _first.TrySetResult(value!);
            return base.WriteLineAsync(value);
        }
    }
}
