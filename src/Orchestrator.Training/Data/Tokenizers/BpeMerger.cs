namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>
/// Merges one piece: of all neighbours the pair of the best rank, the leftmost first, until none merges. A short piece is searched anew after each
/// merge; a long one keeps a linked list of tokens and a queue of possible merges by (rank, position), where a queued merge that an earlier one
/// made impossible is recognised when it comes up and passed over.
/// </summary>
/// <param name="merges">Of the vocabulary.</param>
/// <param name="grows">Every merge's token is its two parts written together, so a merge that was passed over never becomes possible again, and
/// both ways give the same tokens.</param>
internal readonly struct BpeMerger(MergeTable merges, bool grows)
{
    private const int Gone = -1, Short = 48;

    /// <param name="ids">The piece's characters or bytes as tokens; overwritten.</param>
    public int[] Merge(Span<int> ids) => grows && ids.Length <= Short ? MergeShort(ids) : MergeLong(ids);

    private int[] MergeShort(Span<int> ids)
    {
        // At each place the merge with the next token.
        Span<long> possible = stackalloc long[Short];
        var count = ids.Length;
        for (var i = 0; i < count; i++)
        {
            possible[i] = i + 1 < count ? merges.Find(ids[i], ids[i + 1]) : MergeTable.Never;
        }

        while (BestOf(possible[..count]) is var at && at >= 0)
        {
            ids[at] = MergeTable.IdOf(possible[at]);
            ids[(at + 2)..count].CopyTo(ids[(at + 1)..]);
            possible[(at + 2)..count].CopyTo(possible[(at + 1)..]);
            count--;
            possible[at] = at + 1 < count ? merges.Find(ids[at], ids[at + 1]) : MergeTable.Never;
            if (at > 0)
            {
                possible[at - 1] = merges.Find(ids[at - 1], ids[at]);
            }
        }

        return ids[..count].ToArray();
    }

    private static int BestOf(ReadOnlySpan<long> possible)
    {
        var (at, best) = (-1, MergeTable.Never);
        for (var i = 0; i < possible.Length; i++)
        {
            if (possible[i] < best)
            {
                (at, best) = (i, possible[i]);
            }
        }

        return at;
    }

    private int[] MergeLong(ReadOnlySpan<int> symbols)
    {
        var (ids, next, previous) = (symbols.ToArray(), new int[symbols.Length], new int[symbols.Length]);
        var queue = new PriorityQueue<(int At, int Id), long>(symbols.Length);
        for (var i = 0; i < ids.Length; i++)
        {
            (next[i], previous[i]) = (i + 1 < ids.Length ? i + 1 : Gone, i - 1);
            Enqueue(queue, ids, i, next[i]);
        }

        while (queue.TryDequeue(out var merge, out _))
        {
            var right = ids[merge.At] == Gone ? Gone : next[merge.At];
            if (right != Gone && merges.Find(ids[merge.At], ids[right]) is var possible and not MergeTable.Never && MergeTable.IdOf(possible) == merge.Id)
            {
                Join(ids, next, previous, merge.At, right, merge.Id);
                Enqueue(queue, ids, previous[merge.At], merge.At);
                Enqueue(queue, ids, merge.At, next[merge.At]);
            }
        }

        return Array.FindAll(ids, id => id != Gone);
    }

    private static void Join(int[] ids, int[] next, int[] previous, int left, int right, int id)
    {
        (ids[left], ids[right], next[left]) = (id, Gone, next[right]);
        if (next[left] != Gone)
        {
            previous[next[left]] = left;
        }
    }

    private void Enqueue(PriorityQueue<(int At, int Id), long> queue, int[] ids, int left, int right)
    {
        if (left != Gone && right != Gone && merges.Find(ids[left], ids[right]) is var merge and not MergeTable.Never)
        {
            queue.Enqueue((left, MergeTable.IdOf(merge)), (merge & ~0xFFFFFFFFL) | (uint)left);
        }
    }
}
