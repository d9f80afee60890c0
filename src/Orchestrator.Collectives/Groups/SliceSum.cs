using Orchestrator.Collectives.Memory;
using Orchestrator.Core;

namespace Orchestrator.Collectives.Groups;

/// <summary>
/// Adds the terms of this rank's slice, chunk by chunk. A contribution that comes before its siblings waits in a native block; the last
/// one is added straight from the receive buffer. So with two ranks nothing is ever copied aside.
/// </summary>
internal sealed unsafe class SliceSum : IDisposable
{
    private readonly OperationPlan _plan;
    private readonly IReadOnlyList<FloatBuffer> _mine;
    private readonly FloatBuffer _result;
    private readonly ChunkPool _pool;
    private readonly Slice _slice;
    private readonly Waiting[] _chunks;

    public SliceSum(OperationPlan plan, IReadOnlyList<FloatBuffer> mine, FloatBuffer result, ChunkPool pool)
    {
        (_plan, _mine, _result, _pool, _slice) = (plan, mine, result, pool, plan.SliceOf(plan.Rank));
        var awaited = plan.Terms - plan.NodesOf(plan.Rank);
        NeedsNoPeer = awaited == 0;
        _chunks = [.. Enumerable.Range(0, plan.ChunksOf(plan.Rank)).Select(_ => new Waiting(awaited, plan.Terms))];
    }

    /// <summary>All terms are this rank's own.</summary>
    public bool NeedsNoPeer { get; }

    /// <summary>Takes one contribution. True when it was the chunk's last: the chunk's sum then stands in the result.</summary>
    /// <exception cref="InvalidDataException">It came before.</exception>
    public bool Add(int chunk, int slot, ReadOnlySpan<byte> payload)
    {
        var waiting = _chunks[chunk];
        fixed (byte* bytes = payload)
        {
            lock (waiting)
            {
                if (!waiting.Seen.Add(slot))
                {
                    throw new InvalidDataException($"chunk {chunk} of one of its nodes came twice");
                }

                if (--waiting.Remaining > 0)
                {
                    waiting.Blocks[slot] = _pool.Rent();
                    Buffer.MemoryCopy(bytes, (void*)waiting.Blocks[slot], payload.Length, payload.Length);
                    return false;
                }

                Sum(chunk, waiting, slot, (nint)bytes);
                return true;
            }
        }
    }

    public void AddOwn(int chunk) => Sum(chunk, _chunks[chunk], -1, 0);

    public void Dispose()
    {
        foreach (var waiting in _chunks)
        {
            Release(waiting);
        }
    }

    private void Sum(int chunk, Waiting waiting, int lastSlot, nint last)
    {
        var part = _slice.Chunk(chunk, _plan.ChunkFloats);
        var half = _plan.Encoding == WireType.Bf16;
        Span<Term> terms = stackalloc Term[_plan.Terms];
        for (var slot = 0; slot < terms.Length; slot++)
        {
            terms[slot] = new Term(slot == lastSlot ? last : waiting.Blocks[slot], half);
        }

        for (var node = 0; node < _mine.Count; node++)
        {
            terms[_plan.Slot(_plan.Rank, node)] = new Term(_mine[node].Slice(part.Start, part.Length).Address, Half: false);
        }

        _plan.Sum!.Run(terms, (float*)_result.Slice(part.Start, part.Length).Address, part.Length);
        Release(waiting);
    }

    private void Release(Waiting waiting)
    {
        for (var slot = 0; slot < waiting.Blocks.Length; slot++)
        {
            if (waiting.Blocks[slot] != 0)
            {
                _pool.Return(waiting.Blocks[slot]);
                waiting.Blocks[slot] = 0;
            }
        }
    }

    private sealed class Waiting(int remaining, int terms)
    {
        public int Remaining { get; set; } = remaining;

        public HashSet<int> Seen { get; } = [];

        public nint[] Blocks { get; } = new nint[terms];
    }
}
