using Orchestrator.Core;
using Orchestrator.Training.Models;

namespace Orchestrator.Tests.Training.Models;

public sealed class SamplingTests
{
    // Shares of exp(logit / temperature): 0.5, 0.3, 0.15, 0.05.
    private static readonly float[] Logits = [MathF.Log(0.15f), MathF.Log(0.5f), MathF.Log(0.05f), MathF.Log(0.3f)];

    [Fact]
    public void Tokens_are_drawn_as_often_as_their_probability_says() =>
        Assert.All(Shares(1, 1).Zip([0.15, 0.5, 0.05, 0.3]), pair => Assert.Equal(pair.Second, pair.First, 0.01));

    // Temperature 0.5 squares the shares: 0.0225, 0.25, 0.0025, 0.09 of 0.365.
    [Fact]
    public void A_temperature_sharpens_the_distribution() =>
        Assert.All(Shares(0.5, 1).Zip([0.0616, 0.6849, 0.0068, 0.2466]), pair => Assert.Equal(pair.Second, pair.First, 0.01));

    // 0.5 + 0.3 reach 0.8 and not 0.81: so two tokens, or three.
    [Theory]
    [InlineData(0.79, new[] { 0, 0.625, 0, 0.375 })]
    [InlineData(0.81, new[] { 0.1579, 0.5263, 0, 0.3158 })]
    [InlineData(0.01, new[] { 0.0, 1, 0, 0 })]
    public void Top_p_keeps_the_fewest_tokens_that_reach_the_share(double topP, double[] expected) =>
        Assert.All(Shares(1, topP).Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 0.01));

    [Fact]
    public void Top_p_of_a_flat_distribution_over_many_tokens_keeps_its_share_of_them()
    {
        var random = new SplitMix64(7);
        var drawn = Enumerable.Range(0, 4000).Select(_ => Sampling.Next(new float[1000], 1, 0.25, random)).ToArray();
        Assert.InRange(drawn.Max(), 240, 249);
        Assert.True(drawn.Distinct().Count() > 230);
    }

    [Fact]
    public void Of_equal_logits_the_greedy_choice_is_the_first() => Assert.Equal(1, Sampling.Next([1f, 3f, 3f, 2f], 0, 1, new SplitMix64(1)));

    [Fact]
    public void Extreme_logits_stay_finite()
    {
        Assert.Equal(1, Sampling.Next([-3e38f, 3e38f, float.NegativeInfinity], 1, 0.9, new SplitMix64(1)));
        Assert.Equal(2, Sampling.Next([0f, 0f, 500f], 0.01, 1, new SplitMix64(1)));
    }

    [Fact]
    public void Logits_that_are_not_numbers_are_an_error_that_names_the_token()
    {
        Assert.Contains("token 2", Assert.Throws<ArithmeticException>(() => Sampling.Next([0f, 1f, float.NaN], 0, 1, new SplitMix64(1))).Message, StringComparison.Ordinal);
        Assert.Throws<ArithmeticException>(() => Sampling.Next([0f, float.PositiveInfinity], 1, 1, new SplitMix64(1)));
    }

    private static double[] Shares(double temperature, double topP)
    {
        const int Draws = 40000;
        var random = new SplitMix64(11);
        var counts = new int[Logits.Length];
        for (var i = 0; i < Draws; i++)
        {
            counts[Sampling.Next([.. Logits], temperature, topP, random)]++;
        }

        return [.. counts.Select(count => count / (double)Draws)];
    }
}
