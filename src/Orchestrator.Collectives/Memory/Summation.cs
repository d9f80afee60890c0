using System.Buffers;
using System.Collections.Immutable;
using System.Numerics.Tensors;

namespace Orchestrator.Collectives.Memory;

/// <summary>One term of a sum: <paramref name="Address"/> of fp32 values or, where <paramref name="Half"/>, of bf16 values.</summary>
internal readonly record struct Term(nint Address, bool Half);

/// <summary>
/// Adds terms in a given order, block by block, so that whatever the number of additions each term is read from memory once and the
/// sum is written once.
/// </summary>
/// <param name="Additions">slot[Into] += slot[From], in order; the total is then in slot 0.</param>
/// <param name="RoundTerms">Every fp32 term is first rounded to bf16, as the terms from the wire were.</param>
/// <param name="RoundTotal">The total is rounded to bf16, as it will be on the wire.</param>
internal sealed unsafe record Summation(ImmutableArray<(int Into, int From)> Additions, bool RoundTerms, bool RoundTotal)
{
    private const int Block = 2048;

    /// <summary>The total is written past the cache: nobody reads it soon, or it would not stay there anyway.</summary>
    public bool Streams { get; init; }

    public void Run(ReadOnlySpan<Term> terms, float* total, long count) => Run(terms, [(nint)total], count);

    /// <param name="totals">Where each copy of the sum begins.</param>
    public void Run(ReadOnlySpan<Term> terms, ReadOnlySpan<nint> totals, long count)
    {
        var scratch = ArrayPool<float>.Shared.Rent(terms.Length * Block);
        Span<nint> slots = stackalloc nint[terms.Length];
        Span<nint> places = stackalloc nint[totals.Length];
        fixed (float* spare = scratch)
        {
            for (long start = 0; start < count; start += Block)
            {
                var length = (int)Math.Min(Block, count - start);
                for (var i = 0; i < terms.Length; i++)
                {
                    slots[i] = (nint)Read(terms[i], start, length, spare + (long)i * Block);
                }

                for (var i = 0; i < totals.Length; i++)
                {
                    places[i] = totals[i] + (nint)(start * sizeof(float));
                }

                var done = Streams && !RoundTotal && Additions.Length > 0 ? Streaming.Add(slots, Additions.AsSpan(), places, length) : 0;
                if (done < length)
                {
                    Advance(slots, done);
                    Advance(places, done);
                    AddAll(slots, spare, places, length - done);
                }
            }
        }

        ArrayPool<float>.Shared.Return(scratch);
        Interlocked.MemoryBarrier(); // What was streamed is seen by everybody who is told of it after this.
    }

    private float* Read(Term term, long start, int length, float* spare)
    {
        if (term.Half)
        {
            Bfloat16.Decode((ushort*)term.Address + start, spare, length);
            return spare;
        }

        var values = (float*)term.Address + start;
        if (!RoundTerms)
        {
            return values;
        }

        Bfloat16.RoundTo(values, spare, length);
        return spare;
    }

    private static void Advance(Span<nint> addresses, int floats)
    {
        foreach (ref var address in addresses)
        {
            address += floats * sizeof(float);
        }
    }

    private void AddAll(Span<nint> slots, float* spare, ReadOnlySpan<nint> totals, int length)
    {
        var first = (float*)totals[0];
        for (var i = 0; i < Additions.Length; i++)
        {
            var (into, from) = Additions[i];
            var sum = i == Additions.Length - 1 ? first : spare + (long)into * Block;
            TensorPrimitives.Add(Values(slots[into], length), Values(slots[from], length), new Span<float>(sum, length));
            slots[into] = (nint)sum;
        }

        if (Additions.Length == 0)
        {
            Values(slots[0], length).CopyTo(new Span<float>(first, length));
        }

        if (RoundTotal)
        {
            Bfloat16.RoundTo(first, first, length);
        }

        foreach (var other in totals[1..])
        {
            Values(totals[0], length).CopyTo(new Span<float>((void*)other, length));
        }
    }

    private static ReadOnlySpan<float> Values(nint address, int length) => new((void*)address, length);
}
