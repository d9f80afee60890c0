namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>What becomes of a match when a text is split at it.</summary>
internal enum SplitBehavior
{
    /// <summary>Left out: "a-b" gives a, b.</summary>
    Removed,

    /// <summary>A part of its own: a, -, b.</summary>
    Isolated,

    /// <summary>Ends the part before it: a-, b.</summary>
    MergedWithPrevious,

    /// <summary>Begins the part after it: a, -b.</summary>
    MergedWithNext,

    /// <summary>Matches that follow one another stay together: "a--b" gives a, --, b.</summary>
    Contiguous,
}

/// <summary>The parts of a text between and around matches.</summary>
internal static class SplitParts
{
    /// <param name="length">Of the text, in characters.</param>
    /// <param name="matches">In order, without overlap.</param>
    /// <param name="behavior">What becomes of a match.</param>
    /// <param name="invert">Matches are what stands between the separators.</param>
    public static List<(int Start, int Length)> Of(int length, List<(int Start, int Length)> matches, SplitBehavior behavior, bool invert)
    {
        if (matches.Count == 0 && !(invert && behavior == SplitBehavior.Removed))
        {
            return length == 0 ? [] : [(0, length)];
        }

        var parts = new List<(int Start, int Length)>(matches.Count * 2 + 1);
        var (at, previous) = (0, false);
        void Add(int start, int size, bool matched)
        {
            var separator = matched != invert;
            var joins = parts.Count > 0 && behavior switch
            {
                SplitBehavior.MergedWithPrevious => separator && !previous,
                SplitBehavior.MergedWithNext => previous && !separator,
                SplitBehavior.Contiguous => separator == previous,
                _ => false,
            };
            if (joins)
            {
                parts[^1] = (parts[^1].Start, parts[^1].Length + size);
            }
            else if (!(separator && behavior == SplitBehavior.Removed))
            {
                parts.Add((start, size));
            }

            previous = separator;
        }

        foreach (var (start, size) in matches)
        {
            if (start > at)
            {
                Add(at, start - at, false);
            }

            Add(start, size, true);
            at = start + size;
        }

        if (at < length)
        {
            Add(at, length - at, false);
        }

        return parts;
    }
}
