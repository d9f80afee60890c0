namespace Orchestrator.Collectives.Groups;

/// <summary>A run of floats of a buffer.</summary>
internal readonly record struct Slice(long Start, long Length)
{
    private const long Line = 16;

    public long End => Start + Length;

    /// <summary>The slice of a buffer that a rank owns: as even as whole cache lines (16 floats) allow.</summary>
    public static Slice Of(long length, int rank, int worldSize)
    {
        var lines = (length + Line - 1) / Line;
        var start = Math.Min(length, Boundary(rank));
        return new Slice(start, Math.Min(length, Boundary(rank + 1)) - start);

        long Boundary(int r) => lines / worldSize * r * Line + lines % worldSize * r / worldSize * Line;
    }

    public int Chunks(long chunkFloats) => checked((int)((Length + chunkFloats - 1) / chunkFloats));

    public Slice Chunk(int index, long chunkFloats)
    {
        var start = Start + index * chunkFloats;
        return new Slice(start, Math.Min(chunkFloats, End - start));
    }

    /// <summary>Which chunk (offset, count) is.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public int ChunkAt(long offset, long count, long chunkFloats)
    {
        var index = (offset - Start) / chunkFloats;
        return offset >= Start && offset < End && Chunk((int)index, chunkFloats) == new Slice(offset, count)
            ? (int)index
            : throw new InvalidDataException($"floats {offset} to {offset + count} are no chunk of the slice {Start} to {End}");
    }
}
