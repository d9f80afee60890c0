using Orchestrator.Core;
using Orchestrator.Training.Data;
using Orchestrator.Training.Steps;

namespace Orchestrator.Training.Planning;

/// <summary>What a forward pass over some rows has to do, as numbers that add up over rows.</summary>
/// <param name="Tokens">Computed: a prompt that two answers share once, of each answer all but its last.</param>
/// <param name="Targets">Answer tokens whose log-probability is wanted.</param>
/// <param name="SharedKeys">Keys of the second answers, those of the prompt before them included: they are laid together anew.</param>
/// <param name="MaskCells">Queries times keys of the second answers: a prompt before them needs a mask.</param>
/// <param name="RootCells">The same of prompts with their first answers, which need one only within a window.</param>
/// <param name="Scores">Pairs of a query and a key that it sees.</param>
/// <param name="Longest">Tokens of the longest sequence.</param>
public readonly record struct LeafLoad(int Rows, long Tokens, long Targets, long SharedKeys, long MaskCells, long RootCells, double Scores, int Longest)
{
    public static LeafLoad operator +(LeafLoad a, LeafLoad b) => new(
        a.Rows + b.Rows, a.Tokens + b.Tokens, a.Targets + b.Targets, a.SharedKeys + b.SharedKeys, a.MaskCells + b.MaskCells, a.RootCells + b.RootCells, a.Scores + b.Scores, Math.Max(a.Longest, b.Longest));

    public static LeafLoad Add(LeafLoad left, LeafLoad right) => left + right;

    /// <param name="rejected">0: the row has one completion.</param>
    public static LeafLoad OfRow(int prompt, int chosen, int rejected)
    {
        double root = prompt + chosen - 1;
        var first = new LeafLoad(1, (long)root, chosen, 0, 0, (long)(root * root), root * (root + 1) / 2, prompt + chosen);
        double own = rejected - 1;
        return rejected == 0 ? first
            : first + new LeafLoad(0, (long)own, rejected, own > 0 ? prompt + (long)own : 0, (long)(own * (prompt + own)), 0, own * prompt + own * (own + 1) / 2, prompt + rejected);
    }

    internal static LeafLoad OfRows(EncodedPairs pairs, IEnumerable<int> rows)
    {
        var sum = default(LeafLoad);
        foreach (var row in rows)
        {
            var pair = pairs[row];
            sum += OfRow(pair.Prompt.Length, pair.Chosen.Length, pair.Rejected.Length);
        }

        return sum;
    }
}

/// <summary>The loads of a run's leaves.</summary>
/// <param name="Leaves">Every leaf that was looked at.</param>
/// <param name="Steps">To how many steps they belong.</param>
/// <param name="All">False: the run has more of them.</param>
public sealed record RunLoads(IReadOnlyList<LeafLoad> Leaves, long Steps, bool All)
{
    /// <summary>Looking at more would take longer than it tells: the longest leaf of so many is hardly exceeded.</summary>
    private const int MostPairs = 200_000;

    /// <exception cref="InvalidDataException">The file of rows is damaged.</exception>
    public static RunLoads Of(PlanOptions options, EncodedPairs train)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(train);
        var plan = options.ToPlan();
        var rows = new StepRows(plan, new PairSet(PairSet.Train, train));
        var leaves = new List<LeafLoad>();
        long step = 0, pairs = 0;
        for (; step < plan.Steps && (step == 0 || pairs < MostPairs); pairs += plan.PairsInStep(step++))
        {
            for (var leaf = 0; leaf < plan.LeavesInStep(step); leaf++)
            {
                leaves.Add(LeafLoad.OfRows(train, rows.Of(step, leaf)));
            }
        }

        return new RunLoads(leaves, step, step == plan.Steps);
    }
}
