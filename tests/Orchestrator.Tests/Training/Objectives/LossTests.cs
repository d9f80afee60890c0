using System.Collections.Immutable;
using Orchestrator.Training.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Objectives;

public sealed class LossTests
{
    // Three pairs with d = 0, 10, 20; a = 0, 0.1, -0.9; r = 0, -9.9, -20.9.
    private static readonly double[] PolicyChosen = [-0.5, -10, -1];
    private static readonly double[] PolicyRejected = [-0.1, -30, -21];
    private static readonly double[] ReferenceChosen = [-0.5, -10.1, -0.1];
    private static readonly double[] ReferenceRejected = [-0.1, -20.1, -0.1];

    public static TheoryData<string> Pairwise => [.. Formula.Table.Select(formula => formula.Name).Where(name => name != "sft")];

    [Theory]
    [InlineData("sigmoid", 0.0, 0.693147, 0.313262, 0.126928)]
    [InlineData("sigmoid", 0.1, 0.693147, 0.413262, 0.326928)]
    [InlineData("robust", 0.1, 0.693147, 0.188262, -0.123072)]
    [InlineData("hinge", 0.0, 1, 0, 0)]
    [InlineData("ipo_sum", 0.0, 25, 25, 225)]
    [InlineData("exo_pair", 1e-3, 2.761231, 1.276310, 0.458972)]
    [InlineData("nca_pair", 0.0, 1.386294, 1.195220, 1.122047)]
    [InlineData("bco_pair", 0.0, 1.386294, 1.004121, 0.855775)]
    [InlineData("sppo_hard", 0.0, 50, 48.02, 287.62)]
    [InlineData("aot", 0.0, 0.693147, 0.126928, 0.313262)]
    [InlineData("aot_unpaired", 0.0, 0.315961, 0.688160, 0.126928)]
    [InlineData("apo_zero", 0.0, 1, 0.768412, 0.632557)]
    [InlineData("apo_down", 0.0, 1, 0.771441, 0.596718)]
    [InlineData("discopop", 0.0, 0.846574, 0.367879, 0.135335)]
    public void Each_loss_gives_the_published_values(string name, double smoothing, double first, double second, double third) =>
        Close([first, second, third], Losses(new ObjectiveOptions { LossType = [name], LabelSmoothing = smoothing }), 1e-5 * Math.Max(1, third));

    // Means over 2 and 4 tokens: pair 1 has 0.1/2 + 9.9/4 = 2.525, pair 2 has -0.9/2 + 20.9/4 = 4.775.
    [Theory]
    [InlineData("ipo", 25, 6.125625, 0.050625)]
    [InlineData("sigmoid_norm", 0.693147, 0.574846, 0.482631)]
    public void Losses_of_means_divide_by_each_answers_own_tokens(string name, double first, double second, double third) =>
        Close([first, second, third], Losses(new ObjectiveOptions { LossType = [name] }), 1e-5);

    [Theory]
    [InlineData("js_divergence", 0.619227754, 0.924869078, 0.266462536)]
    [InlineData("alpha_divergence", 0.551008173, 1.203508765, 0.074341590)]
    [InlineData("forward_kl", 0.547339253, 1.246778955, 0.072833145)]
    public void Other_divergences_change_the_scores_before_the_loss(string divergence, double first, double second, double third)
    {
        // a = 0.1, -0.5, 2 and r = -0.2, 0.3, -1. The first pair's margin: forward KL -e^-0.1 + e^0.2; alpha 0.5 -2 e^-0.05 + 2 e^0.1; JS ln σ(0.1) - ln σ(-0.2).
        double[] none = [0, 0, 0];
        Close([first, second, third], Losses(new ObjectiveOptions { FDivergenceType = divergence, Beta = 1 }, [0.1, -0.5, 2], [-0.2, 0.3, -1], none, none), 1e-9);
    }

    // βd = 0, 1, 2 against ηg = 1, -0.5, 0.25; for the first pair backward KL is σ(1) ln(2σ(1)) + σ(-1) ln(2σ(-1)), forward KL -½ ln(4 σ(1) σ(-1)).
    [Theory]
    [InlineData("rpo_sq", 1, 2.25, 3.0625)]
    [InlineData("rpo_bwd_kl", 0.110944072, 0.272873700, 0.317179715)]
    [InlineData("rpo_fwd_kl", 0.120114507, 0.257403165, 0.240406295)]
    public void Losses_of_given_rewards_draw_the_margin_to_that_of_the_rewards(string name, double first, double second, double third) =>
        Close([first, second, third], Losses(new ObjectiveOptions { LossType = [name], GtRewardScale = 0.5 }), 1e-9);

    [Fact]
    public void Losses_of_given_rewards_are_0_where_the_margins_agree_and_stay_finite_for_any_reward()
    {
        foreach (var name in new[] { "rpo_sq", "rpo_bwd_kl", "rpo_fwd_kl" })
        {
            foreach (var (margin, reward) in new[] { (3.0, 3.0), (-700, -700), (1000, -1000), (-1000, 1000), (0, 1000) })
            {
                using var scope = NewDisposeScope();
                var (policy, reference) = Pairs([margin], [0], [0], [0]);
                policy = policy with { RewardMargin = tensor([reward]) };
                var loss = Objective.Create(new ObjectiveOptions { LossType = [name], Beta = 1 }).Compute(policy, reference, StepView.Alone(policy, reference)).Loss;
                loss.sum().backward();
                Assert.True(double.IsFinite(Host(loss)[0]) && double.IsFinite(Host(policy.Chosen.Sum.grad!)[0]), $"{name} {margin} {reward}: {Host(loss)[0]}");
                Assert.Equal(margin == reward, Math.Abs(Host(loss)[0]) < 1e-12);
            }
        }
    }

    [Fact]
    public void Simpo_cpo_and_orpo_match_values_worked_by_hand()
    {
        // Means: chosen -10/2 = -5, rejected -30/4 = -7.5 (pair 1). SimPO: 0.1 · 2.5 - 0.5 = -0.25; ln(1 + e^0.25) = 0.825939.
        Assert.Equal(0.825939, Losses(new ObjectiveOptions { LossType = ["simpo"] })[1], 1e-6);

        // With α 0.5 as worked for CPO below.
        Assert.Equal(0.825939 + 2.5, Losses(new ObjectiveOptions { LossType = ["simpo"], CpoAlpha = 0.5 })[1], 1e-6);

        // CPO: 0.1 · (-10 + 30) = 2, ln(1 + e^-2) = 0.126928; plus 0.5 · 10 · 3 pairs / 6 chosen tokens of the step = 2.5.
        Assert.Equal(2.626928, Losses(new ObjectiveOptions { LossType = ["cpo"], CpoAlpha = 0.5 })[1], 1e-6);

        // ORPO: log odds -5 - ln(1 - e^-5) = -4.993239 and -7.5 - ln(1 - e^-7.5) = -7.499447; ln(1 + e^-2.506208) = 0.078420; 5 + 0.1 · that.
        Assert.Equal(5.007842, Losses(new ObjectiveOptions { LossType = ["orpo"] })[1], 1e-6);
    }

    // Chosen: 10 · 3 pairs / 6 chosen tokens = 5. Rejected: 4 tokens of p = e^-7.5 each, -4 ln(1 - e^-7.5) = 0.002212950, times 3 pairs / 12 tokens.
    [Fact]
    public void Unlikelihood_is_the_mean_over_chosen_tokens_and_alpha_times_that_over_rejected_ones()
    {
        Assert.Equal(5 + 0.5 * 0.0005532374, Losses(new ObjectiveOptions { LossType = ["unlikelihood"], UnlikelihoodAlpha = 0.5 })[1], 1e-9);

        // p(rejected token) = e^(-0.1/4): ln(1 - p) = -3.7013534; twice -(-3.7013534) · 4 · 3 / 12.
        Assert.Equal(0.25 + 2 * 3.7013534, Losses(new ObjectiveOptions { LossType = ["unlikelihood"], UnlikelihoodAlpha = 2 })[0], 1e-6);
        var sft = Losses(new ObjectiveOptions { LossType = ["sigmoid", "sft"], LossWeights = [0, 1] });
        Close(sft, Losses(new ObjectiveOptions { LossType = ["unlikelihood"], UnlikelihoodAlpha = 0 }), 1e-12);
    }

    [Fact]
    public void What_a_token_leaves_to_others_is_added_up_with_a_gradient_that_has_a_bound()
    {
        using var scope = NewDisposeScope();
        var tokens = tensor([-1f, -2, -0.5f, -1000, 0]).requires_grad_();
        var sums = CompletionSums.OfPairs(tokens, [2, 3], complement: true);
        Close([Math.Log(1 - Math.Exp(-1)) + Math.Log(1 - Math.Exp(-2))], Host(sums.Chosen.Complement!), 1e-12);
        Close([Math.Log(1 - Math.Exp(-0.5)) + Math.Log(1e-6)], Host(sums.Rejected!.Complement!), 1e-6);
        (sums.Chosen.Complement! + sums.Rejected.Complement!).sum().backward();
        Close([-1 / (Math.E - 1), -1 / (Math.Exp(2) - 1), -1 / (Math.Exp(0.5) - 1), 0, 0], Host(tokens.grad!), 1e-6);
    }

    [Fact]
    public void A_mixture_is_the_weighted_sum_and_its_sft_term_the_mean_over_the_steps_chosen_tokens()
    {
        var losses = Losses(new ObjectiveOptions { LossType = ["sigmoid", "bco_pair", "sft"], LossWeights = [0.8, 0.2, 0.5] });

        // The mean over 3 pairs of the last term is 0.5 · (0.5 + 10 + 1) / 6 tokens.
        var expected = Enumerable.Range(0, 3).Select(i => new[] { 0.693147, 0.313262, 0.126928 }[i] * 0.8
            + new[] { 1.386294, 1.004121, 0.855775 }[i] * 0.2 + new[] { 0.5, 10.0, 1.0 }[i] * 0.5 * 3 / 6);
        Close([.. expected], losses, 2e-6);
    }

    [Fact]
    public void Rewards_are_beta_times_the_log_ratio_whatever_the_loss_and_carry_no_gradient()
    {
        using var scope = NewDisposeScope();
        var (policy, reference) = Pairs();
        var result = Objective.Create(new ObjectiveOptions { LossType = ["hinge"], FDivergenceType = "js_divergence" }).Compute(policy, reference, StepView.Alone(policy, reference));
        Close([0, 0.01, -0.09], Host(result.ChosenRewards!), 1e-12);
        Close([0, -0.99, -2.09], Host(result.RejectedRewards!), 1e-12);
        Assert.False(result.ChosenRewards!.requires_grad);
        Assert.True(result.Loss.requires_grad);
    }

    [Fact]
    public void The_gradient_of_the_sigmoid_loss_is_minus_beta_sigma_of_minus_beta_d()
    {
        using var scope = NewDisposeScope();
        var (policy, reference) = Pairs();
        var (chosen, rejected) = Gradient(new ObjectiveOptions(), policy, reference);
        Close([-0.05, -0.026894, -0.011920], chosen, 1e-6);
        Close([0.05, 0.026894, 0.011920], rejected, 1e-6);
    }

    [Theory]
    [MemberData(nameof(Pairwise))]
    public void Gradients_are_those_of_finite_differences(string name)
    {
        var options = Options(name);
        foreach (var divergence in Divergences(name))
        {
            var chosen = Gradients(options with { FDivergenceType = divergence }).Chosen;
            var rejected = Gradients(options with { FDivergenceType = divergence }).Rejected;
            for (var i = 0; i < 3; i++)
            {
                double At(double change, bool first)
                {
                    var moved = (first ? Inner.Chosen : Inner.Rejected).ToArray();
                    moved[i] += change;
                    return Losses(options with { FDivergenceType = divergence }, first ? moved : Inner.Chosen, first ? Inner.Rejected : moved, Inner.ReferenceChosen, Inner.ReferenceRejected).Sum();
                }

                const double Step = 1e-5;
                Assert.Equal((At(Step, true) - At(-Step, true)) / (2 * Step), chosen[i], 1e-6 * Math.Max(1, Math.Abs(chosen[i])));
                Assert.Equal((At(Step, false) - At(-Step, false)) / (2 * Step), rejected[i], 1e-6 * Math.Max(1, Math.Abs(rejected[i])));
            }
        }
    }

    // A mixture with every kind of term; and weights of pairs, which are constants.
    [Fact]
    public void Gradients_of_mixtures_and_of_weighted_pairs_are_those_of_finite_differences()
    {
        foreach (var options in new ObjectiveOptions[]
        {
            new() { LossType = ["sigmoid", "bco_pair", "sft", "rpo_sq"], LossWeights = [0.8, 0.2, 1.5, 0.3], Beta = 0.7, LabelSmoothing = 0.1, GtRewardScale = 0.5 },
            new() { LossType = ["sigmoid", "sft"], LossWeights = [1, 2], UseWeighting = true, Beta = 0.7 },
            new() { LossType = ["simpo"], CpoAlpha = 0.4, Beta = 2 },
        })
        {
            var found = Gradients(options).Chosen;
            for (var i = 0; i < 3; i++)
            {
                double At(double change)
                {
                    var moved = Inner.Chosen.ToArray();
                    moved[i] += change;
                    return Losses(options, moved, Inner.Rejected, Inner.ReferenceChosen, Inner.ReferenceRejected).Sum();
                }

                Assert.Equal((At(1e-5) - At(-1e-5)) / 2e-5, found[i], 1e-6);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Pairwise))]
    public void Losses_and_gradients_stay_finite_however_far_policy_and_reference_are_apart(string name)
    {
        foreach (var divergence in Divergences(name))
        {
            foreach (var (far, near) in new[] { (-1000.0, -1e-3), (-1e-3, -1000.0), (-1000.0, -1000.0), (0.0, 0.0) })
            {
                var options = Options(name) with { FDivergenceType = divergence };
                Assert.All(Losses(options, [far], [near], [near], [far]), loss => Assert.True(double.IsFinite(loss), $"{divergence} {far} {near}: {loss}"));
                using var scope = NewDisposeScope();
                var (policy, reference) = Pairs([far], [near], [near], [far]);
                var gradient = Gradient(options, policy, Objective.Create(options).Needs.Reference ? reference : null);
                Assert.All(gradient.Chosen.Concat(gradient.Rejected), value => Assert.True(double.IsFinite(value), $"{divergence} {far} {near}: {value}"));
            }
        }
    }

    [Fact]
    public void Where_policy_and_reference_agree_the_loss_is_ln_2_and_rewards_are_zero()
    {
        Close([Math.Log(2), Math.Log(2)], Losses(new ObjectiveOptions { LabelSmoothing = 0.2 }, [-3, -700], [-9, -1], [-3, -700], [-9, -1]), 1e-12);
    }

    [Fact]
    public void Swapping_the_answers_mirrors_label_smoothing()
    {
        var kept = Losses(new ObjectiveOptions { LabelSmoothing = 0.3 });
        var swapped = Losses(new ObjectiveOptions { LabelSmoothing = 0.3 }, PolicyRejected, PolicyChosen, ReferenceRejected, ReferenceChosen);
        var plain = Losses(new ObjectiveOptions());
        var opposite = Losses(new ObjectiveOptions(), PolicyRejected, PolicyChosen, ReferenceRejected, ReferenceChosen);
        Close([.. plain.Zip(opposite, (p, o) => 0.7 * p + 0.3 * o)], kept, 1e-12);
        Close([.. plain.Zip(opposite, (p, o) => 0.3 * p + 0.7 * o)], swapped, 1e-12);
    }

    [Theory]
    [InlineData("aot")]
    [InlineData("aot_unpaired")]
    public void A_whole_step_loss_has_the_same_values_and_gradients_however_the_step_is_cut_into_leaves(string name)
    {
        using var scope = NewDisposeScope();
        var options = Options(name);
        var objective = Objective.Create(options);
        Assert.True(objective.Needs.WholeStep);
        var expected = Gradients(options);
        var (policy, reference) = Pairs(Inner.Chosen, Inner.Rejected, Inner.ReferenceChosen, Inner.ReferenceRejected);
        var whole = new WholeStep(policy.Detach(), reference, 0);
        var found = new List<double>();
        foreach (var (start, count) in new[] { (0, 1), (1, 2) })
        {
            var leaf = policy.Slice(start, count);
            var loss = objective.Compute(leaf, reference.Slice(start, count), new StepView(3, 6) { Whole = whole with { First = start } }).Loss;
            found.AddRange(Host(loss));
            loss.sum().backward();
        }

        Close(Losses(options, Inner.Chosen, Inner.Rejected, Inner.ReferenceChosen, Inner.ReferenceRejected), [.. found], 1e-12);
        Close(expected.Chosen, Host(policy.Chosen.Sum.grad!), 1e-12);
        Close(expected.Rejected, Host(policy.Rejected!.Sum.grad!), 1e-12);
    }

    [Fact]
    public void Weighting_multiplies_each_pair_by_how_likely_the_policy_finds_both_answers()
    {
        using var scope = NewDisposeScope();
        var (policy, reference) = Pairs();
        CompletionLogProbs Aligned(CompletionLogProbs side, params double[] values) => side with { Aligned = tensor(values) };
        policy = new PairLogProbs(Aligned(policy.Chosen, -0.1, -0.2, -0.3), Aligned(policy.Rejected!, -0.4, -0.5, -0.6));
        var objective = Objective.Create(new ObjectiveOptions { UseWeighting = true });
        Assert.True(objective.Needs.Aligned);
        var losses = Host(objective.Compute(policy, reference, StepView.Alone(policy, reference)).Loss);
        Close([0.693147 * Math.Exp(-0.5), 0.313262 * Math.Exp(-0.7), 0.126928 * Math.Exp(-0.9)], losses, 1e-6);
    }

    [Theory]
    [InlineData(0.0, -3, -4)]
    [InlineData(0.5, -6.5, -4)]
    [InlineData(1.0, -10, -4)]
    public void Tokens_beyond_the_shorter_answer_count_by_alpha(double alpha, double chosen, double rejected)
    {
        using var scope = NewDisposeScope();
        var tokens = tensor([-1f, -2, -3, -4, -1.5f, -2.5f]).requires_grad_();
        var sums = CompletionSums.OfPairs(tokens, [4, 2], alpha);
        (2 * sums.Chosen.Sum + 3 * sums.Rejected!.Sum).sum().backward();
        Close([2, 2, 2 * alpha, 2 * alpha, 3, 3], Host(tokens.grad!), 1e-12);
        Assert.Equal(chosen, sums.Chosen.Sum.item<double>());
        Assert.Equal(rejected, sums.Rejected!.Sum.item<double>());
        Assert.Equal(4, sums.Chosen.Tokens.item<double>());
    }

    [Fact]
    public void Sums_of_tokens_are_sorted_into_pairs_and_carry_the_gradient_to_each_token()
    {
        using var scope = NewDisposeScope();
        var tokens = tensor([1f, 2, 3, 4, 5, 6, 7]).requires_grad_();
        var sums = CompletionSums.OfPairs(tokens, [2, 1, 3, 1], aligned: tokens.detach() * 10);
        Close([3, 15], Host(sums.Chosen.Sum), 0);
        Close([3, 7], Host(sums.Rejected!.Sum), 0);
        Close([15, 50], Host(sums.Chosen.Aligned!), 1e-12);
        (sums.Chosen.Sum * tensor([1.0, 10]) + sums.Rejected.Sum * tensor([100.0, 1000])).sum().backward();
        Close([1, 1, 100, 10, 10, 10, 1000], Host(tokens.grad!), 0);
        Assert.Contains("4 completions", Assert.Throws<ArgumentException>(() => CompletionSums.OfPairs(tokens, [2, 1, 3, 2])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Supervised_fine_tuning_adds_what_each_row_s_tokens_cost()
    {
        using var scope = NewDisposeScope();
        var objective = Objective.Create(new ObjectiveOptions { LossType = ["sft"] });
        Assert.Equal(new ObjectiveNeeds { Reference = false, CompletionsPerRow = 1, Normalizer = Normalizer.CompletionTokens }, objective.Needs);
        var rows = CompletionSums.OfSingles(tensor([-1f, -2, -4]), [2, 1]);
        Close([3, 4], Host(objective.Compute(rows, null, StepView.Alone(rows, null)).Loss), 0);
    }

    /// <summary>Away from corners, where a difference quotient is a derivative, and with distinct values everywhere.</summary>
    private static (double[] Chosen, double[] Rejected, double[] ReferenceChosen, double[] ReferenceRejected) Inner =>
        ([-1.5, -2.2, -4.1], [-2.9, -1.3, -5.2], [-1.1, -2.6, -3.8], [-2.2, -1.9, -4.9]);

    private static ObjectiveOptions Options(string name) =>
        new() { LossType = [name], Beta = 0.7, LabelSmoothing = Smooths(name) ? 0.1 : 0 };

    private static bool Smooths(string name) => Formula.Table.Single(formula => formula.Name == name).Smoothing;

    private static string[] Divergences(string name) =>
        Formula.Table.Single(formula => formula.Name == name).Ratios ? FDivergence.Names : ["reverse_kl"];

    private static double[] Losses(ObjectiveOptions options) => Losses(options, PolicyChosen, PolicyRejected, ReferenceChosen, ReferenceRejected);

    private static double[] Losses(ObjectiveOptions options, double[] chosen, double[] rejected, double[] referenceChosen, double[] referenceRejected)
    {
        using var scope = NewDisposeScope();
        var (policy, reference) = Pairs(chosen, rejected, referenceChosen, referenceRejected);
        var objective = Objective.Create(options);
        var given = objective.Needs.Reference ? reference : null;
        return Host(objective.Compute(policy, given, StepView.Alone(policy, given)).Loss);
    }

    private static (double[] Chosen, double[] Rejected) Gradients(ObjectiveOptions options)
    {
        using var scope = NewDisposeScope();
        var (policy, reference) = Pairs(Inner.Chosen, Inner.Rejected, Inner.ReferenceChosen, Inner.ReferenceRejected);
        return Gradient(options, policy, Objective.Create(options).Needs.Reference ? reference : null);
    }

    private static (double[] Chosen, double[] Rejected) Gradient(ObjectiveOptions options, PairLogProbs policy, PairLogProbs? reference)
    {
        Objective.Create(options).Compute(policy, reference, StepView.Alone(policy, reference)).Loss.sum().backward();
        return (Host(policy.Chosen.Sum.grad!), Host(policy.Rejected!.Sum.grad!));
    }

    private static (PairLogProbs Policy, PairLogProbs Reference) Pairs() => Pairs(PolicyChosen, PolicyRejected, ReferenceChosen, ReferenceRejected);

    /// <summary>Chosen answers have 2 tokens each, rejected ones 4.</summary>
    private static (PairLogProbs Policy, PairLogProbs Reference) Pairs(double[] chosen, double[] rejected, double[] referenceChosen, double[] referenceRejected)
    {
        CompletionLogProbs Side(double[] sums, double tokens, bool gradient)
        {
            var sum = gradient ? tensor(sums).requires_grad_() : tensor(sums);
            return new(sum, full([sums.Length], tokens, ScalarType.Float64))
            {
                Complement = Unlikelihood.OfTokens(sum / tokens) * tokens,
                Aligned = tensor(sums.Select((_, row) => -0.1 * (row + tokens)).ToArray()),
            };
        }

        return (new(Side(chosen, 2, true), Side(rejected, 4, true)) { RewardMargin = tensor(new[] { 2, -1, 0.5 }[..chosen.Length]) }, new(Side(referenceChosen, 2, false), Side(referenceRejected, 4, false)));
    }

    private static double[] Host(Tensor values) => values.detach().to(ScalarType.Float64).data<double>().ToArray();

    private static void Close(double[] expected, double[] found, double tolerance)
    {
        Assert.Equal(expected.Length, found.Length);
        Assert.All(expected.Zip(found), pair => Assert.True(Math.Abs(pair.First - pair.Second) <= tolerance, $"expected {pair.First}, found {pair.Second}"));
    }
}
