using Orchestrator.Training.Objectives;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Objectives;

public sealed class ObjectiveRulesTests
{
    public static TheoryData<ObjectiveOptions, string> Senseless => new()
    {
        { new() { LossType = ["sigmiod"] }, "Did you mean sigmoid?" },
        { new() { LossType = ["IPO"] }, "Did you mean ipo?" },
        { new() { LossType = [] }, "loss_type is empty" },
        { new() { LossType = ["sigmoid", "sigmoid"] }, "names a loss twice" },
        { new() { LossType = ["sigmoid", "sft"], LossWeights = [1] }, "loss_weights has 1 numbers and loss_type 2 names" },
        { new() { LossType = ["exo_pair"] }, "exo_pair needs label_smoothing above 0" },
        { new() { LossType = ["hinge"], LabelSmoothing = 0.1 }, "no loss of loss_type uses it" },
        { new() { LabelSmoothing = 0.5 }, "LabelSmoothing" },
        { new() { Beta = 0 }, "Beta" },
        { new() { FDivergenceType = "tv" }, "Known: reverse_kl" },
        { new() { LossType = ["aot"], FDivergenceType = "js_divergence" }, "aot is no function of a pair's log-ratios" },
        { new() { LossType = ["aot"], UseWeighting = true }, "use_weighting" },
        { new() { LossType = ["simpo"], ReferenceFree = true }, "simpo has no reference anyway" },
        { new() { LossType = ["ipo"], LdAlpha = 0.5 }, "ld_alpha" },
        { new() { LossType = ["sft"], LabelSmoothing = 0.1 }, "no loss of loss_type uses it" },
        { new() { LossType = ["sft"], UseWeighting = true }, "use_weighting" },
        { new() { LossType = ["sigmoid", "sft"], LdAlpha = 0.5 }, "ld_alpha" },
        { new() { LossType = ["sft"], LossWeights = [0.5] }, "loss_weights" },
        { new() { LossType = ["unlikelihood"], LdAlpha = 0.5 }, "ld_alpha" },
        { new() { LossType = ["unlikelihood"], LabelSmoothing = 0.1 }, "no loss of loss_type uses it" },
        { new() { LossType = ["unlikelihood"], ReferenceFree = true }, "unlikelihood has no reference anyway" },
        { new() { LossType = ["unlikelihood"], FDivergenceType = "js_divergence" }, "unlikelihood is no function of a pair's log-ratios" },
        { new() { LossType = ["kto", "sigmoid"] }, "Name it alone" },
        { new() { LossType = ["kto"], LossWeights = [1] }, "loss_weights" },
        { new() { LossType = ["kto"], ReferenceFree = true }, "kto is nothing without a reference" },
        { new() { LossType = ["kto"], LabelSmoothing = 0.1 }, "label_smoothing" },
        { new() { LossType = ["kto"], FDivergenceType = "forward_kl" }, "f_divergence_type" },
        { new() { LossType = ["kto"], UseWeighting = true }, "use_weighting" },
        { new() { LossType = ["kto"], LdAlpha = 0.5 }, "ld_alpha" },
        { new() { LossType = ["kto"], DesirableWeight = -1 }, "DesirableWeight" },
        { new() { LossType = ["rpo_sq"], LabelSmoothing = 0.1 }, "no loss of loss_type uses it" },
        { new() { LossType = ["rpo_sq"], GtRewardScale = 0 }, "GtRewardScale" },
        { new() { LossType = ["unlikelihood"], UnlikelihoodAlpha = -1 }, "UnlikelihoodAlpha" },
    };

    [Theory]
    [MemberData(nameof(Senseless))]
    public void Options_that_make_no_sense_are_refused_with_what_to_do(ObjectiveOptions options, string says) =>
        Assert.Contains(says, Assert.Throws<ArgumentException>(() => Objective.Create(options)).Message, StringComparison.OrdinalIgnoreCase);

    [Fact]
    public void Needs_are_those_of_the_formulas_and_options()
    {
        Assert.Equal(new ObjectiveNeeds { Reference = true }, Objective.Create(new()).Needs);
        Assert.Equal(new ObjectiveNeeds { Reference = false }, Objective.Create(new() { ReferenceFree = true }).Needs);
        Assert.Equal(new ObjectiveNeeds { Reference = false }, Objective.Create(new() { LossType = ["orpo"] }).Needs);
        Assert.Equal(new ObjectiveNeeds { Reference = true, LengthAlpha = 0.5 }, Objective.Create(new() { LossType = ["sigmoid", "bco_pair"], LdAlpha = 0.5 }).Needs);
        Assert.Equal(new ObjectiveNeeds { Reference = false, Complement = true }, Objective.Create(new() { LossType = ["unlikelihood"] }).Needs);
        Assert.Equal(
            new ObjectiveNeeds { Reference = true, CompletionsPerRow = 1, Labels = true, WholeStep = true, Mismatched = true }, Objective.Create(new() { LossType = ["kto"] }).Needs);
        Assert.Equal(new ObjectiveNeeds { Reference = true, RewardMargins = true }, Objective.Create(new() { LossType = ["sigmoid", "rpo_bwd_kl"] }).Needs);
        Assert.Equal("sigmoid+sft", Objective.Create(new() { LossType = ["sigmoid", "sft"] }).Name);
    }

    [Fact]
    public void Log_probabilities_that_are_missing_or_do_not_fit_are_named()
    {
        using var scope = NewDisposeScope();
        PairLogProbs Pairs(int count) => new(new(zeros(count, ScalarType.Float64), ones(count, ScalarType.Float64)), new(zeros(count, ScalarType.Float64), ones(count, ScalarType.Float64)));
        var (dpo, step) = (Objective.Create(new()), new StepView(2, 2));
        string Refused(Action compute) => Assert.Throws<ArgumentException>(compute).Message;
        Assert.Contains("needs log-probabilities of a reference", Refused(() => dpo.Compute(Pairs(2), null, step)), StringComparison.Ordinal);
        Assert.Contains("of 2 pairs, the reference's of 1", Refused(() => dpo.Compute(Pairs(2), Pairs(1), step)), StringComparison.Ordinal);
        Assert.Contains("the rejected one is missing", Refused(() => dpo.Compute(Pairs(2) with { Rejected = null }, Pairs(2), step)), StringComparison.Ordinal);
        Assert.Contains("all pairs of a step", Refused(() => Objective.Create(new() { LossType = ["aot"] }).Compute(Pairs(2), Pairs(2), step)), StringComparison.Ordinal);
    }
}
