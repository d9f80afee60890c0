using System.Collections.Immutable;

namespace Orchestrator.Training.Objectives;

/// <summary>Combinations of options that make no sense are refused before anything is loaded: an option that does nothing is a mistake.</summary>
internal static class ObjectiveRules
{
    /// <exception cref="ArgumentException">Names the options and what to change.</exception>
    public static void Check(ImmutableArray<Formula> formulas, ObjectiveOptions options)
    {
        Require(
            options.LossWeights.IsDefaultOrEmpty || options.LossWeights.Length == formulas.Length,
            $"loss_weights has {options.LossWeights.Length} numbers and loss_type {formulas.Length} names. Give one weight for each loss.");
        Require(
            formulas.Select(formula => formula.Name).Distinct(StringComparer.Ordinal).Count() == formulas.Length,
            "loss_type names a loss twice. Name it once, and give it a larger weight.");
        Require(
            options.LabelSmoothing > 0 || formulas.All(formula => formula.Name != "exo_pair"),
            "exo_pair needs label_smoothing above 0; its authors use 1e-3.");
        Require(
            options.LossWeights.IsDefaultOrEmpty || formulas.Length > 1,
            "loss_weights weighs losses against one another, and loss_type has one. Leave it out.");
        CheckRatios(formulas, options);
        Require(
            options.LabelSmoothing == 0 || formulas.Any(formula => formula.Smoothing),
            $"label_smoothing is {options.LabelSmoothing}, and no loss of loss_type uses it. Leave it out, or choose one of {string.Join(", ", Formula.Table.Where(formula => formula.Smoothing).Select(formula => formula.Name))}.");
    }

    /// <summary>The same for kto, which takes no pairs.</summary>
    /// <exception cref="ArgumentException">Names the options and what to change.</exception>
    public static void CheckKto(ObjectiveOptions options)
    {
        Require(options.LossType.Length == 1, "kto learns from single answers with labels, and the other losses of loss_type do not. Name it alone.");
        Require(options.LossWeights.IsDefaultOrEmpty, "loss_weights weighs losses against one another, and loss_type has one. Leave it out.");
        Require(!options.ReferenceFree, "reference_free is on, and kto is nothing without a reference. Leave one of them out.");
        Require(options.LabelSmoothing == 0, $"label_smoothing is {options.LabelSmoothing}, and kto does not use it. Leave it out.");
        Require(options.FDivergenceType == "reverse_kl", $"f_divergence_type is {options.FDivergenceType}, and kto is about reverse_kl. Leave it out.");
        Require(!options.UseWeighting, "use_weighting weighs pairs, and kto has single answers. Leave it out.");
        Require(options.LdAlpha is null, "ld_alpha compares the lengths of a pair's answers, and kto has single ones. Leave it out.");
    }

    private static void CheckRatios(ImmutableArray<Formula> formulas, ObjectiveOptions options)
    {
        Require(
            FDivergence.Names.Contains(options.FDivergenceType),
            $"f_divergence_type is {options.FDivergenceType}. Known: {string.Join(", ", FDivergence.Names)}.");
        var other = formulas.FirstOrDefault(formula => !formula.Ratios && (formula.Name != "sft" || formulas.Length == 1));
        Require(
            other is null || options.FDivergenceType == "reverse_kl",
            $"f_divergence_type is {options.FDivergenceType}, and {other?.Name} is no function of a pair's log-ratios. Leave it out.");
        Require(
            other is null || !options.UseWeighting,
            $"use_weighting weighs pairs by themselves, and {other?.Name} does not compare a pair's log-ratios. Leave it out.");
        Require(
            !options.ReferenceFree || formulas.Any(formula => formula.Reference),
            $"reference_free is on, and {formulas[0].Name} has no reference anyway. Leave it out.");
        Require(
            options.LdAlpha is null || !formulas.Any(formula => formula.Means || formula.Name is "ipo" or "sigmoid_norm" or "sft" or "cpo" or "unlikelihood"),
            "ld_alpha lessens the tokens by which one answer of a pair is longer, and loss_type has a loss of means or of all tokens. Leave one of them out.");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new ArgumentException($"objective: {otherwise}");
        }
    }
}
