using System.Numerics;

namespace Orchestrator.Training.Data.Tokenizers;

/// <summary>The merges of a vocabulary by the pair of tokens they join: open addressing, at most half full, so that a search is one or two reads.</summary>
internal sealed class MergeTable
{
    /// <summary>What <see cref="Find"/> gives for a pair that never merges; worse than any merge.</summary>
    public const long Never = long.MaxValue;

    private const long Free = -1;

    private readonly (long Pair, long Merge)[] _slots;
    private readonly int _shift;

    /// <param name="capacity">The most merges it will hold.</param>
    public MergeTable(int capacity)
    {
        var size = BitOperations.RoundUpToPowerOf2((uint)Math.Max(capacity, 1) * 2);
        _slots = new (long, long)[size];
        Array.Fill(_slots, (Free, Never));
        _shift = 64 - BitOperations.Log2(size);
    }

    /// <summary>Of a merge that <see cref="Find"/> gave: the token that the two become. A better merge is a smaller number.</summary>
    public static int IdOf(long merge) => (int)merge;

    /// <summary>A pair that is there already gets the new rank.</summary>
    public void Set(int left, int right, int rank, int id)
    {
        var pair = Pair(left, right);
        var at = Slot(pair);
        while (_slots[at].Pair != Free && _slots[at].Pair != pair)
        {
            at = (at + 1) & (_slots.Length - 1);
        }

        _slots[at] = (pair, ((long)rank << 32) | (uint)id);
    }

    /// <returns>The rank in the upper half, the id in the lower; or <see cref="Never"/>.</returns>
    public long Find(int left, int right)
    {
        var pair = Pair(left, right);
        for (var at = Slot(pair); ; at = (at + 1) & (_slots.Length - 1))
        {
            if (_slots[at].Pair == pair || _slots[at].Pair == Free)
            {
                return _slots[at].Merge;
            }
        }
    }

    private static long Pair(int left, int right) => ((long)left << 32) | (uint)right;

    private int Slot(long pair) => (int)(((ulong)pair * 0x9E3779B97F4A7C15) >> _shift);
}
