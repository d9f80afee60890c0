namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>
/// Merges one piece: a linked list of tokens and a queue of possible merges by (rank, position). A queued merge that an earlier one made
/// impossible is recognised when it comes up and passed over.
/// </summary>
internal readonly struct BpeMerger(Dictionary<long, (int Rank, int Id)> merges)
{
    private const int Gone = -1;

    public static long Pair(int left, int right) => ((long)left << 32) | (uint)right;

    public int[] Merge(List<int> symbols)
    {
        var (ids, next, previous) = (symbols.ToArray(), new int[symbols.Count], new int[symbols.Count]);
        var queue = new PriorityQueue<(int At, int Id), long>(symbols.Count);
        for (var i = 0; i < ids.Length; i++)
        {
            (next[i], previous[i]) = (i + 1 < ids.Length ? i + 1 : Gone, i - 1);
            Enqueue(queue, ids, i, next[i]);
        }

        while (queue.TryDequeue(out var merge, out _))
        {
            var right = ids[merge.At] == Gone ? Gone : next[merge.At];
            if (right != Gone && merges.TryGetValue(Pair(ids[merge.At], ids[right]), out var possible) && possible.Id == merge.Id)
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
        if (left != Gone && right != Gone && merges.TryGetValue(Pair(ids[left], ids[right]), out var merge))
        {
            queue.Enqueue((left, merge.Id), ((long)merge.Rank << 32) | (uint)left);
        }
    }
}
