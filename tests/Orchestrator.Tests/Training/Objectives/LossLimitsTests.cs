using Orchestrator.Training.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Objectives;

/// <summary>What each loss must be by its formula alone: where it is least, what it becomes at a limit of an option, and which changes leave it as it is.</summary>
public sealed class LossLimitsTests
{
    private const double Beta = 0.7;

    // A share ε of the labels swapped, robust is the plain loss on average, whatever the margin.
    [Theory]
    [InlineData(-3.0)]
    [InlineData(0.4)]
    [InlineData(900.0)]
    public void Robust_is_unbiased_where_labels_are_swapped(double margin) =>
        Assert.Equal(Of("sigmoid", margin, 0), 0.8 * Of("robust", margin, 0, smoothing: 0.2) + 0.2 * Of("robust", -margin, 0, smoothing: 0.2), 1e-9 * Math.Max(1, margin));

    [Fact]
    public void Without_smoothing_robust_is_plain_and_exo_is_least_where_the_policy_says_the_smoothed_label()
    {
        Assert.Equal(Of("sigmoid", 1.3, -0.4), Of("robust", 1.3, -0.4), 1e-12);
        var best = Math.Log(0.9 / 0.1) / Beta;
        Assert.Equal(0, Of("exo_pair", best, 0, smoothing: 0.1), 1e-12);
        Assert.True(Of("exo_pair", best + 0.1, 0, smoothing: 0.1) > 0 && Of("exo_pair", best - 0.1, 0, smoothing: 0.1) > 0);
    }

    // ipo: means over 2 and 4 tokens, so x = a/2 - r/4.
    [Theory]
    [InlineData("ipo", 1 / Beta, 0)]
    [InlineData("ipo", 0, -2 / Beta)]
    [InlineData("ipo_sum", 0.5 / Beta, 0)]
    [InlineData("sppo_hard", 0.5 / Beta, -0.5 / Beta)]
    [InlineData("hinge", 1 / Beta, 0)]
    [InlineData("hinge", 1000, 0)]
    [InlineData("apo_zero", 1000, -1000)]
    [InlineData("apo_down", -1000, -3000)]
    [InlineData("bco_pair", 1000, -1000)]
    [InlineData("sigmoid", 500, -500)]
    [InlineData("sigmoid_norm", 1000, -1000)]
    [InlineData("aot", 500, -500)]
    [InlineData("aot_unpaired", 500, -500)]
    public void A_pair_that_is_as_the_loss_wants_it_costs_nothing(string name, double chosen, double rejected) => Assert.Equal(0, Of(name, chosen, rejected), 1e-12);

    // As far wrong as can be, losses that are bounded stay within their bounds; the others grow like βd.
    [Theory]
    [InlineData("apo_zero", 2)]
    [InlineData("apo_down", 2)]
    [InlineData("sigmoid", 2000 * Beta)]
    [InlineData("hinge", 1 + 2000 * Beta)]
    [InlineData("bco_pair", 2000 * Beta)]
    [InlineData("nca_pair", 1500 * Beta)]
    public void A_pair_that_is_as_wrong_as_can_be_costs_what_the_formula_says(string name, double expected)
    {
        var (chosen, rejected) = name == "apo_down" ? (1000.0, 3000.0) : (-1000.0, 1000.0);
        Assert.Equal(expected, Of(name, chosen, rejected), 1e-6);
    }

    [Theory]
    [InlineData("bco_pair")]
    [InlineData("apo_zero")]
    [InlineData("sppo_hard")]
    [InlineData("sigmoid")]
    public void Exchanging_the_answers_and_turning_their_signs_changes_nothing(string name) => Assert.Equal(Of(name, 1.3, -0.4), Of(name, 0.4, -1.3), 1e-12);

    // Losses of the margin alone do not see what both answers gain; those that judge each answer by itself do.
    [Theory]
    [InlineData("sigmoid", true)]
    [InlineData("hinge", true)]
    [InlineData("ipo_sum", true)]
    [InlineData("discopop", true)]
    [InlineData("aot", true)]
    [InlineData("nca_pair", false)]
    [InlineData("bco_pair", false)]
    [InlineData("sppo_hard", false)]
    [InlineData("apo_zero", false)]
    [InlineData("apo_down", false)]
    public void Only_losses_of_the_margin_are_blind_to_what_both_answers_gain(string name, bool blind) =>
        Assert.Equal(blind, Math.Abs(Of(name, 0.8, -0.3) - Of(name, 5.8, 4.7)) < 1e-9);

    [Fact]
    public void One_pair_alone_is_sorted_already_and_means_of_equal_lengths_are_sums_with_a_smaller_beta()
    {
        Assert.Equal(Of("sigmoid", 1.3, -0.4, smoothing: 0.1), Of("aot", 1.3, -0.4, smoothing: 0.1), 1e-12);
        Assert.Equal(Of("sigmoid", 1.3, -0.4, smoothing: 0.1), Of("aot_unpaired", 1.3, -0.4, smoothing: 0.1), 1e-12);
        var means = Loss(new() { LossType = ["sigmoid_norm"], Beta = 4 * Beta }, 1.3, -0.4, tokens: (4, 4));
        Assert.Equal(Loss(new() { Beta = Beta }, 1.3, -0.4, tokens: (4, 4)), means, 1e-12);
    }

    // The reference is 0 here: a = log p. SimPO without its margin and CPO without its cross-entropy are the same loss of means and of sums.
    [Fact]
    public void Losses_without_a_reference_meet_at_their_limits()
    {
        var simpo = Loss(new() { LossType = ["simpo"], Beta = 4 * Beta, SimpoGamma = 0 }, -1.3, -2.4, tokens: (4, 4));
        Assert.Equal(Loss(new() { LossType = ["cpo"], Beta = Beta, CpoAlpha = 0 }, -1.3, -2.4, tokens: (4, 4)), simpo, 1e-12);
        Assert.Equal(Loss(new() { Beta = Beta, ReferenceFree = true }, -1.3, -2.4), Loss(new() { LossType = ["cpo"], Beta = Beta, CpoAlpha = 0 }, -1.3, -2.4), 1e-12);
        Assert.Equal(0.75 + Beta * Math.Log(2), Loss(new() { LossType = ["orpo"], Beta = Beta }, -1.5, -3), 1e-12); // equal odds: means of -0.75 both
    }

    [Theory]
    [InlineData("reverse_kl", 1.0001)]
    [InlineData("forward_kl", 0)]
    public void Alpha_divergence_meets_reverse_and_forward_kl_at_its_ends(string divergence, double alpha)
    {
        var alphas = Loss(new() { Beta = Beta, FDivergenceType = "alpha_divergence", FAlphaDivergenceCoef = alpha }, 0.8, -0.3);
        Assert.Equal(Loss(new() { Beta = Beta, FDivergenceType = divergence }, 0.8, -0.3), alphas, 1e-4);
    }

    // Where policy and reference agree there is nothing to weigh: the exponential and the logistic part both count half.
    [Fact]
    public void Discopop_is_the_logistic_loss_far_on_the_right_of_its_mix_and_the_exponential_one_far_on_the_left()
    {
        Assert.Equal(0.5 * Math.Log(2) + 0.5, Of("discopop", 0, 0), 1e-12);
        Assert.Equal(Of("sigmoid", -2, 0), Of("discopop", -2, 0), 1e-9);
        Assert.Equal(Math.Exp(-2 * Beta), Of("discopop", 2, 0), 1e-9);
    }

    private static double Of(string name, double chosen, double rejected, double smoothing = 0) =>
        Loss(new() { LossType = [name], Beta = Beta, LabelSmoothing = smoothing }, chosen, rejected);

    /// <summary>The loss of one pair with these log-ratios, a step by itself; the reference finds both answers certain.</summary>
    private static double Loss(ObjectiveOptions options, double chosen, double rejected, (double Chosen, double Rejected)? tokens = null)
    {
        using var scope = NewDisposeScope();
        CompletionLogProbs Side(double sum, double count) => new(tensor(new[] { sum }), tensor(new[] { count }));
        var (first, second) = tokens ?? (2, 4);
        var (policy, nothing) = (new PairLogProbs(Side(chosen, first), Side(rejected, second)), new PairLogProbs(Side(0, first), Side(0, second)));
        var objective = Objective.Create(options);
        var reference = objective.Needs.Reference ? nothing : null;
        return objective.Compute(policy, reference, StepView.Alone(policy, reference)).Loss.item<double>();
    }
}
