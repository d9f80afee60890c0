using System.Collections.Immutable;
using System.ComponentModel.DataAnnotations;

namespace Orchestrator.Training.Objectives;

/// <summary>Makes the objective that a run file names.</summary>
public static class Objective
{
    /// <summary>What loss_type may say.</summary>
    public static ImmutableArray<string> Names { get; } = [.. Formula.Table.Select(formula => formula.Name), Kto];

    private const string Kto = "kto";

    /// <exception cref="ArgumentException">A name is unknown, a value is out of range, or the combination makes no sense.</exception>
    public static IObjective Create(ObjectiveOptions options)
    {
        CheckRanges(options);
        if (options.LossType.IsDefaultOrEmpty)
        {
            throw new ArgumentException("objective.loss_type is empty; name at least one loss, for example sigmoid.");
        }

        if (options.LossType.Contains(Kto))
        {
            ObjectiveRules.CheckKto(options);
            return new Kto(options);
        }

        var formulas = options.LossType.Select(Find).ToImmutableArray();
        ObjectiveRules.Check(formulas, options);
        if (formulas is [{ Name: "sft" }])
        {
            return new SftObjective();
        }

        var weights = options.LossWeights.IsDefaultOrEmpty ? [.. formulas.Select(_ => 1.0)] : options.LossWeights;
        return new PairwiseObjective([.. formulas.Zip(weights)], options);
    }

    private static Formula Find(string name) =>
        Formula.Table.FirstOrDefault(formula => formula.Name == name)
            ?? throw new ArgumentException($"objective.loss_type is {name}, which is no loss this program knows. Did you mean {Nearest(name)}? Known: {string.Join(", ", Names)}.");

    private static string Nearest(string name) => Names.MinBy(known => Distance(name, known))!;

    /// <summary>Insertions, deletions and substitutions (Levenshtein 1966).</summary>
    private static int Distance(string from, string to)
    {
        var row = Enumerable.Range(0, to.Length + 1).ToArray();
        for (var i = 1; i <= from.Length; i++)
        {
            var (diagonal, left) = (row[0], row[0] = i);
            for (var j = 1; j <= to.Length; j++)
            {
                left = Math.Min(Math.Min(row[j], left) + 1, diagonal + (from[i - 1] == to[j - 1] ? 0 : 1));
                (diagonal, row[j]) = (row[j], left);
            }
        }

        return row[^1];
    }

    private static void CheckRanges(ObjectiveOptions options)
    {
        var results = new List<ValidationResult>();
        if (!Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true))
        {
            throw new ArgumentException($"objective: {string.Join(' ', results.Select(result => result.ErrorMessage))}");
        }
    }
}
