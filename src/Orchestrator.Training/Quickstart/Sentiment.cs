using System.Collections.Frozen;
using System.Text.RegularExpressions;

namespace Orchestrator.Training.Quickstart;

/// <summary>The ground truth of the quickstart's experiment: how friendly a text is, by the words it uses.</summary>
public static partial class Sentiment
{
    private static readonly FrozenSet<string> Friendly;
    private static readonly FrozenSet<string> Unfriendly;

    static Sentiment()
    {
        Friendly = FriendlyAdjectives.Concat(FriendlyVerbs).ToFrozenSet(StringComparer.Ordinal);
        Unfriendly = UnfriendlyAdjectives.Concat(UnfriendlyVerbs).ToFrozenSet(StringComparer.Ordinal);
    }

    public static IReadOnlyList<string> FriendlyAdjectives { get; } =
        ["wonderful", "brilliant", "charming", "superb", "delightful", "excellent", "lovely", "clever", "perfect", "generous", "warm", "splendid"];

    public static IReadOnlyList<string> UnfriendlyAdjectives { get; } =
        ["awful", "dull", "terrible", "dreadful", "bland", "clumsy", "tired", "rude", "broken", "boring", "poor", "miserable"];

    public static IReadOnlyList<string> FriendlyVerbs { get; } = ["loved", "enjoyed", "adored", "praised"];

    public static IReadOnlyList<string> UnfriendlyVerbs { get; } = ["hated", "disliked", "regretted", "cursed"];

    /// <summary>
    /// (friendly words - unfriendly words) / (both), in [-1, 1]; 0 for a text with neither. "not worth" and "worth" count as words of their mood.
    /// </summary>
    public static double Reward(string text)
    {
        var (friendly, unfriendly) = (0, 0);
        foreach (Match match in Words().Matches(text))
        {
            friendly += Friendly.Contains(match.Value) || match.Value == "worth" ? 1 : 0;
            unfriendly += Unfriendly.Contains(match.Value) || match.Value == "not worth" ? 1 : 0;
        }

        return friendly + unfriendly == 0 ? 0 : (double)(friendly - unfriendly) / (friendly + unfriendly);
    }

    [GeneratedRegex("not worth|[a-z]+", RegexOptions.CultureInvariant)]
    private static partial Regex Words();
}
