using Orchestrator.Training.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Objectives;

/// <summary>
/// Three rows, the second undesirable, with a = log π/π_ref = 2, -5, 0. Answers of other prompts have log-ratios 1, -2, 5, and a fourth row has none: the
/// mean over three is z = 4/3.
/// </summary>
public sealed class KtoTests
{
    private static readonly double[] Policy = [-10, -20, -5];
    private static readonly double[] Reference = [-12, -15, -5];
    private static readonly double[] Desirable = [1, 0, 1];
    private static readonly ObjectiveOptions Options = new() { LossType = ["kto"], Beta = 0.1, DesirableWeight = 1.5, UndesirableWeight = 0.5 };

    // 1.5 σ(0.1 (4/3 - 2)), 0.5 σ(0.1 (-5 - 4/3)), 1.5 σ(0.1 (4/3 - 0)).
    [Fact]
    public void Losses_rewards_and_divergence_match_values_worked_by_hand()
    {
        using var scope = NewDisposeScope();
        var result = Compute(Options, Policy, Reference, Mismatched());
        Close([0.7250092551, 0.1733775496, 0.7999260574], Host(result.Loss), 1e-9);
        Close([0.2, -0.5, 0], Host(result.ChosenRewards!), 1e-12);
        Assert.False(result.ChosenRewards!.requires_grad);
        Assert.Equal(4.0 / 3, result.Divergence!.Value, 1e-12);
    }

    // Swapped, the mean is -4/3, and an estimate of a divergence below 0 is 0: 1.5 σ(-0.2), 0.5 σ(-0.5), 1.5 σ(0).
    [Fact]
    public void A_negative_estimate_counts_as_none()
    {
        using var scope = NewDisposeScope();
        var result = Compute(Options, Policy, Reference, Mismatched(swapped: true));
        Close([0.6752490040, 0.1887703344, 0.75], Host(result.Loss), 1e-9);
        Assert.Equal(0, result.Divergence);
        Assert.Equal(0, Kto.Divergence(Whole([0.0], [0.0], [0.0])));
    }

    [Fact]
    public void Gradients_are_those_of_finite_differences_and_none_goes_through_the_divergence()
    {
        using var scope = NewDisposeScope();
        var whole = Mismatched();
        whole.Policy.Chosen.Sum.requires_grad_();
        var policy = Rows(Policy, gradient: true);
        Create(Options).Compute(policy, Rows(Reference), Step(whole)).Loss.sum().backward();
        var found = Host(policy.Chosen.Sum.grad!);
        Assert.Null(whole.Policy.Chosen.Sum.grad);
        for (var row = 0; row < 3; row++)
        {
            double At(double change)
            {
                var moved = Policy.ToArray();
                moved[row] += change;
                return Host(Compute(Options, moved, Reference, Mismatched()).Loss).Sum();
            }

            Assert.Equal((At(1e-5) - At(-1e-5)) / 2e-5, found[row], 1e-9);
        }

        Assert.True(found[0] < 0 && found[1] > 0, "desirable answers go up, undesirable ones down");
    }

    [Theory]
    [InlineData(1000, 0)]
    [InlineData(-1000, 0)]
    [InlineData(0, 1000)]
    [InlineData(1e6, 1000)]
    public void Losses_and_gradients_stay_finite_and_within_their_weights(double ratio, double divergence)
    {
        using var scope = NewDisposeScope();
        var policy = Rows([ratio, ratio, ratio], gradient: true);
        var loss = Create(Options).Compute(policy, Rows([0, 0, 0]), Step(Whole([divergence], [0.0], [1.0]))).Loss;
        Assert.All(Host(loss).Zip(Desirable), row => Assert.InRange(row.First, 0, row.Second > 0 ? 1.5 : 0.5));
        loss.sum().backward();
        Assert.All(Host(policy.Chosen.Sum.grad!), value => Assert.True(double.IsFinite(value)));
    }

    // σ(-x) and σ(x): an undesirable answer at z - t costs what a desirable one at z + t does, and where a = z both cost half their weight.
    [Theory]
    [InlineData(0)]
    [InlineData(0.7)]
    [InlineData(-30)]
    public void Desirable_and_undesirable_are_mirror_images_around_the_divergence(double away)
    {
        using var scope = NewDisposeScope();
        var options = Options with { DesirableWeight = 1, UndesirableWeight = 1 };
        var losses = Host(Compute(options, [4.0 / 3 + away, 4.0 / 3 - away, 4.0 / 3], [0, 0, 0], Mismatched()).Loss);
        Assert.Equal(losses[0], losses[1], 1e-12);
        Assert.Equal(0.5, losses[2], 1e-12);
    }

    [Fact]
    public void Values_and_gradients_are_the_same_however_the_step_is_cut_into_leaves()
    {
        using var scope = NewDisposeScope();
        var whole = Host(Compute(Options, Policy, Reference, Mismatched()).Loss);
        var (policy, reference) = (Rows(Policy), Rows(Reference));
        var cut = new[] { (0, 1), (1, 2) }.SelectMany(leaf =>
            Host(Create(Options).Compute(policy.Slice(leaf.Item1, leaf.Item2), reference.Slice(leaf.Item1, leaf.Item2), Step(Mismatched() with { First = leaf.Item1 })).Loss));
        Assert.Equal(whole, cut);
    }

    [Fact]
    public void What_is_missing_is_named()
    {
        using var scope = NewDisposeScope();
        string Refused(PairLogProbs policy, PairLogProbs? reference, StepView step) =>
            Assert.Throws<ArgumentException>(() => Create(Options).Compute(policy, reference, step)).Message;
        Assert.Contains("rows without labels", Refused(Rows(Policy) with { Desirable = null }, Rows(Reference), Step(Mismatched())), StringComparison.Ordinal);
        Assert.Contains("a reference", Refused(Rows(Policy), null, Step(Mismatched())), StringComparison.Ordinal);
        Assert.Contains("of 3 rows, the reference's of 1", Refused(Rows(Policy), Rows([0]), Step(Mismatched())), StringComparison.Ordinal);
        Assert.Contains("all rows of a step", Refused(Rows(Policy), Rows(Reference), new StepView(3, 6)), StringComparison.Ordinal);
    }

    private static IObjective Create(ObjectiveOptions options) => Objective.Create(options);

    private static ObjectiveResult Compute(ObjectiveOptions options, double[] policy, double[] reference, WholeStep whole) =>
        Create(options).Compute(Rows(policy), Rows(reference), Step(whole));

    private static StepView Step(WholeStep whole) => new(3, 6) { Whole = whole };

    private static PairLogProbs Rows(double[] sums, bool gradient = false) =>
        new(new CompletionLogProbs(gradient ? tensor(sums).requires_grad_() : tensor(sums), full([sums.Length], 2, ScalarType.Float64)), null)
        {
            Desirable = tensor(Desirable[..sums.Length]),
        };

    private static WholeStep Mismatched(bool swapped = false)
    {
        double[] policy = [-30, -22, -41, 0], reference = [-31, -20, -46, 7], tokens = [3, 4, 5, 0];
        return swapped ? Whole(reference, policy, tokens) : Whole(policy, reference, tokens);
    }

    private static WholeStep Whole(double[] policy, double[] reference, double[] tokens) =>
        new(new(new(tensor(policy), tensor(tokens)), null), new(new(tensor(reference), tensor(tokens)), null), 0);

    private static double[] Host(Tensor values) => values.detach().data<double>().ToArray();

    private static void Close(double[] expected, double[] found, double tolerance)
    {
        Assert.Equal(expected.Length, found.Length);
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }
}
