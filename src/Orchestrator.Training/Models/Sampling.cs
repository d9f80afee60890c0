using Orchestrator.Core;

namespace Orchestrator.Training.Models;

/// <summary>Draws the next token from its logits. On the host and in float64, so that a draw is the same on every device that gives the same logits.</summary>
internal static class Sampling
{
    /// <param name="logits">One row, [vocabulary]; overwritten.</param>
    /// <param name="temperature">0 takes the highest logit; of equals, the lowest id.</param>
    /// <param name="topP">In (0, 1].</param>
    /// <param name="random">Advanced by exactly one draw where the temperature is above 0.</param>
    /// <exception cref="ArithmeticException">A logit is NaN, or the highest is infinite: the model is broken.</exception>
    public static int Next(Span<float> logits, double temperature, double topP, SplitMix64 random)
    {
        var best = HighestOf(logits);
        if (temperature <= 0)
        {
            return best;
        }

        var weights = new double[logits.Length];
        var total = 0.0;
        for (var id = 0; id < logits.Length; id++)
        {
            weights[id] = Math.Exp((logits[id] - (double)logits[best]) / temperature);
            total += weights[id];
        }

        var draw = random.NextDouble();
        return topP < 1 ? FromNucleus(weights, total * topP, draw) : FromAll(weights, total * draw);
    }

    private static int HighestOf(ReadOnlySpan<float> logits)
    {
        var best = 0;
        for (var id = 0; id < logits.Length; id++)
        {
            if (float.IsNaN(logits[id]))
            {
                throw new ArithmeticException($"The logit of token {id} is not a number: the weights or the prompt's ids are broken.");
            }

            best = logits[id] > logits[best] ? id : best;
        }

        return float.IsInfinity(logits[best])
            ? throw new ArithmeticException($"The highest logit, of token {best}, is infinite: the weights are broken.")
            : best;
    }

    private static int FromAll(double[] weights, double target)
    {
        var last = 0;
        for (var id = 0; id < weights.Length; id++)
        {
            target -= weights[id];
            last = weights[id] > 0 ? id : last;
            if (target < 0)
            {
                return id;
            }
        }

        return last; // rounding left a crumb beyond the sum
    }

    private static int FromNucleus(double[] weights, double share, double draw)
    {
        var ids = LikelyEnough(weights, share);
        Array.Sort(ids, (a, b) => weights[a] == weights[b] ? a.CompareTo(b) : weights[b].CompareTo(weights[a]));
        var (kept, mass) = (0, 0.0);
        while (kept < ids.Length && (mass < share || kept == 0))
        {
            mass += weights[ids[kept++]];
        }

        return ids[FromAll([.. ids.Take(kept).Select(id => weights[id])], mass * draw)];
    }

    /// <summary>A superset of the nucleus that is far smaller than a vocabulary: sorting it is cheap. Weights are relative to the highest, which is 1.</summary>
    private static int[] LikelyEnough(double[] weights, double share)
    {
        for (var floor = 1e-3; floor > 1e-12; floor *= 1e-3)
        {
            int[] ids = [.. Enumerable.Range(0, weights.Length).Where(id => weights[id] >= floor)];
            if (ids.Sum(id => weights[id]) >= share)
            {
                return ids;
            }
        }

        return [.. Enumerable.Range(0, weights.Length)];
    }
}
