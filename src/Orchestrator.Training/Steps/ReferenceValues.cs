using System.Collections.Immutable;
using Orchestrator.Core;

namespace Orchestrator.Training.Steps;

/// <summary>
/// Log-probabilities under the reference of every answer token of the rows that a run visits, end to end in one buffer, so that who joins receives
/// them with the weights. What is not known yet is NaN.
/// </summary>
internal sealed class ReferenceValues : IDisposable
{
    private readonly IBufferProvider _memory;
    private readonly ImmutableArray<(PairSet Set, int[] Rows, int First)> _parts;
    private readonly Dictionary<string, long[]> _starts = new(StringComparer.Ordinal);

    /// <param name="sets">And which of their rows; the same on every replica of a run.</param>
    public ReferenceValues(IBufferProvider memory, IEnumerable<(PairSet Set, int[] Rows)> sets)
    {
        (_memory, var length) = (memory, 0L);
        var parts = ImmutableArray.CreateBuilder<(PairSet, int[], int)>();
        foreach (var (set, rows) in sets)
        {
            parts.Add((set, rows, Count));
            var starts = new long[set.Pairs.Count];
            Array.Fill(starts, -1);
            foreach (var row in rows)
            {
                starts[row] = length;
                length += TokensOf(set, row);
            }

            _starts.Add(set.Name, starts);
            Count += rows.Length;
        }

        _parts = parts.ToImmutable();
        Buffer = memory.Allocate("reference log-probabilities", length);
        ForEachPiece(piece => piece.Fill(float.NaN));
    }

    /// <summary>Rows of all sets.</summary>
    public int Count { get; }

    public FloatBuffer Buffer { get; }

    /// <summary>The row at a place from 0 to <see cref="Count"/>.</summary>
    public (PairSet Set, int Row) At(int place)
    {
        var part = _parts.Last(part => part.First <= place && part.Rows.Length > 0);
        return (part.Set, part.Rows[place - part.First]);
    }

    /// <summary>Where a row's values lie; null where the run does not visit it.</summary>
    public FloatBuffer? PlaceOf(PairSet set, int row) => _starts[set.Name][row] is >= 0 and var start ? Buffer.Slice(start, TokensOf(set, row)) : null;

    public static bool IsKnown(FloatBuffer values) => !float.IsNaN(values.Span[0]);

    public static int TokensOf(PairSet set, int row)
    {
        var pair = set.Pairs[row];
        return pair.Chosen.Length + pair.Rejected.Length;
    }

    public void Dispose() => _memory.Release(Buffer);

    private void ForEachPiece(Action<Span<float>> action)
    {
        const long Piece = 1 << 24;
        for (long start = 0; start < Buffer.Length; start += Piece)
        {
            action(Buffer.Slice(start, Math.Min(Piece, Buffer.Length - start)).Span);
        }
    }
}
