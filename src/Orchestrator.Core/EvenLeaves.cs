namespace Orchestrator.Core;

/// <summary>
/// Deals the pairs of a step to its leaves so that the leaves' token counts are about the same: nobody waits for the one with the long answers, and the
/// largest leaf needs less memory. A function of the token counts and their order alone.
/// </summary>
/// <remarks>Longest first to the leaf with the fewest tokens: Graham 1969, "Bounds on multiprocessing timing anomalies", with a limit on the pairs of a leaf.</remarks>
public static class EvenLeaves
{
    /// <param name="tokens">Of each pair of the step, in the plan's order.</param>
    /// <param name="pairsPerLeaf">Pairs of a full leaf, > 0; only the last leaf may have fewer.</param>
    /// <returns>Of each leaf, the places of its pairs in <paramref name="tokens"/>, ascending.</returns>
    public static int[][] Deal(ReadOnlySpan<int> tokens, int pairsPerLeaf)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pairsPerLeaf, 1);
        var leaves = (tokens.Length + pairsPerLeaf - 1) / pairsPerLeaf;
        var (open, dealt, longestFirst) = (new PriorityQueue<int, (long Tokens, int Leaf)>(leaves), new List<int>[leaves], new int[tokens.Length]);
        for (var leaf = 0; leaf < leaves; leaf++)
        {
            dealt[leaf] = [];
            open.Enqueue(leaf, (0, leaf));
        }

        var order = new (int Tokens, int Place)[tokens.Length];
        for (var place = 0; place < tokens.Length; place++)
        {
            (order[place], longestFirst[place]) = ((-tokens[place], place), place);
        }

        Array.Sort(order, longestFirst);
        foreach (var place in longestFirst)
        {
            open.TryDequeue(out var leaf, out var filled);
            dealt[leaf].Add(place);
            var room = Math.Min(pairsPerLeaf, tokens.Length - leaf * pairsPerLeaf);
            if (dealt[leaf].Count < room)
            {
                open.Enqueue(leaf, (filled.Tokens + tokens[place], leaf));
            }
        }

        return [.. dealt.Select(places => places.Order().ToArray())];
    }
}
