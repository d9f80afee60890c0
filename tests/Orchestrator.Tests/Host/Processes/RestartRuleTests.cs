using Orchestrator.Host;
using Orchestrator.Host.Processes;

namespace Orchestrator.Tests.Host.Processes;

public sealed class RestartRuleTests
{
    private static readonly RestartRule Rule = new(3);
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData(0, 0.5)]
    [InlineData(1, 1.0)]
    [InlineData(2, 2.0)]
    public void A_killed_worker_is_started_again_after_a_pause_that_doubles(int strikes, double seconds)
    {
        var (decision, count) = Rule.Decide(128 + 9, strikes, Short);
        Assert.Equal((TimeSpan.FromSeconds(seconds), true, strikes + 1), (decision.Again, decision.Failed, count));
        Assert.Contains($"killed by signal 9; strike {strikes + 1} of 3", decision.Why, StringComparison.Ordinal);
    }

    [Fact]
    public void The_fourth_strike_in_a_row_leaves_the_place_empty() => Assert.Null(Rule.Decide(1, 3, Short).Decision.Again);

    [Fact]
    public void A_long_life_forgives_earlier_strikes() => Assert.Equal((TimeSpan.FromSeconds(0.5), 1), (Rule.Decide(1, 3, TimeSpan.FromHours(1)).Decision.Again, Rule.Decide(1, 3, TimeSpan.FromHours(1)).Strikes));

    [Fact]
    public void Pauses_do_not_grow_without_end() => Assert.Equal(TimeSpan.FromSeconds(30), new RestartRule(1000).Decide(1, 500, Short).Decision.Again);

    [Theory]
    [InlineData(ExitCode.Done, false)]
    [InlineData(ExitCode.Stopped, false)]
    [InlineData(ExitCode.Refused, true)]
    public void A_worker_that_was_done_or_refused_its_orders_is_not_started_again(int exitCode, bool failed)
    {
        var decision = Rule.Decide(exitCode, 0, Short).Decision;
        Assert.Equal((null, failed), (decision.Again, decision.Failed));
    }

    [Theory]
    [InlineData("cpu", 3, null, 8, "0 cpu 2, 1 cpu 2, 2 cpu 2")]
    [InlineData("cpu", 4, null, 2, "0 cpu 1, 1 cpu 1, 2 cpu 1, 3 cpu 1")]
    [InlineData("cpu", 1, 5, 2, "0 cpu 5")]
    [InlineData("cuda:0 cuda:1", 7, null, 8, "0 cuda:0 4, 1 cuda:1 4")]
    [InlineData("cpu", 0, null, 2, "")]
    public void Places_share_the_cores_out(string devices, int workers, int? threads, int cores, string expected) => Assert.Equal(
        expected,
        string.Join(", ", WorkerPlace.Of(devices.Split(' '), workers, threads, cores).Select(place => $"{place.Number} {place.Device} {place.Threads}")));
}
