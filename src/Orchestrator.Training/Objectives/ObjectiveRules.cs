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
            options.LabelSmoothing == 0 || formulas.Any(formula => formula.Smoothing),
            $"label_smoothing is {options.LabelSmoothing}, and no loss of loss_type uses it. Leave it out, or choose one of {string.Join(", ", Formula.Table.Where(formula => formula.Smoothing).Select(formula => formula.Name))}.");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new ArgumentException($"objective: {otherwise}");
        }
    }
}
