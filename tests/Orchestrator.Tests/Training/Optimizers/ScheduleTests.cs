using Orchestrator.Training.Optimizers;

namespace Orchestrator.Tests.Training.Optimizers;

public sealed class ScheduleTests
{
    // The paper's code: factor min(1, (step+1) / (warmup+1)) with a warm-up of 150.
    [Theory]
    [InlineData(0, 1 / 151.0)]
    [InlineData(1, 2 / 151.0)]
    [InlineData(74, 0.4966887)]
    [InlineData(149, 0.9933775)]
    [InlineData(150, 1)]
    [InlineData(100_000, 1)]
    public void Warm_up_counts_as_the_paper_counts(long step, double factor) =>
        Assert.Equal(factor, new Schedule(new ScheduleOptions { LearningRate = 2 }, 1000).RateAt(step) / 2, 1e-7);

    // Four steps of warm-up in fourteen: half-way through what is left is step 9.
    [Theory]
    [InlineData("linear", 4, 1.0)]
    [InlineData("linear", 9, 0.5)]
    [InlineData("linear", 13, 0.1)]
    [InlineData("linear", 20, 0.0)]
    [InlineData("cosine", 4, 1.0)]
    [InlineData("cosine", 9, 0.5)]
    [InlineData("cosine", 6, 0.9045085)]
    [InlineData("constant", 13, 1.0)]
    public void After_the_warm_up_the_rate_decays_to_zero_at_the_run_s_end(string kind, long step, double factor) =>
        Assert.Equal(factor, new Schedule(new ScheduleOptions { LearningRate = 1, Kind = kind, WarmupSteps = 4 }, 14).RateAt(step), 1e-7);

    [Fact]
    public void A_warm_up_given_as_a_share_is_rounded_up_to_steps()
    {
        var schedule = new Schedule(new ScheduleOptions { LearningRate = 1, WarmupRatio = 0.1 }, 21);
        Assert.Equal(3, schedule.WarmupSteps);
        Assert.Equal(0.25, schedule.RateAt(0));
        Assert.Equal(1, schedule.RateAt(3));
    }

    [Fact]
    public void An_unknown_decay_is_refused_with_the_known_ones() =>
        Assert.Contains("cosine", Assert.Throws<ArgumentException>(() => new Schedule(new ScheduleOptions { Kind = "step" }, 1)).Message, StringComparison.Ordinal);
}
