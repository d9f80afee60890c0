using System.Buffers.Binary;

namespace Orchestrator.Training.Data;

/// <summary>
/// A .pairs file, little-endian: header (64 bytes), ids (int32, row by row: prompt, chosen, rejected), index (32 bytes a row), notes where there are
/// any: labels (a byte a row: 1 desirable, 0 not) or reward margins (float64 a row).
/// Header: magic "ORCPAIRS" (8 bytes), version (u32), completions per row (u32), rows (i64), ids (i64), bytes of the file (i64), notes (u32: 0 none, 1 labels, 2 reward margins), zeros.
/// Index entry: first id's place among the ids (i64); tokens of prompt, chosen and rejected (i32 each); source file's place in the list of files
/// (i32); line in it (i64).
/// </summary>
internal readonly record struct PairsHeader(int CompletionsPerRow, long Rows, long Ids, RowNote Note)
{
    public const int Bytes = 64;
    public const int EntryBytes = 32;
    private const uint Version = 1;

    private static ReadOnlySpan<byte> Magic => "ORCPAIRS"u8;

    public long FileBytes => Bytes + Ids * sizeof(int) + Rows * EntryBytes + Rows * RowNotes.Bytes(Note);

    public void Write(Span<byte> header)
    {
        header.Clear();
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], Version);
        BinaryPrimitives.WriteInt32LittleEndian(header[12..], CompletionsPerRow);
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], Rows);
        BinaryPrimitives.WriteInt64LittleEndian(header[24..], Ids);
        BinaryPrimitives.WriteInt64LittleEndian(header[32..], FileBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(header[40..], (uint)Note);
    }

    /// <exception cref="InvalidDataException">This is no whole .pairs file of this version.</exception>
    public static PairsHeader Read(ReadOnlySpan<byte> header, long fileBytes, string path)
    {
        if (header.Length < Bytes || !header.StartsWith(Magic))
        {
            throw new InvalidDataException($"{path} is no .pairs file: it does not begin as one. Prepare the data again.");
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(header[8..]) is not Version and var version)
        {
            throw new InvalidDataException($"{path} is a .pairs file of version {version}; this program reads version {Version}. Prepare the data again.");
        }

        var read = new PairsHeader(
            BinaryPrimitives.ReadInt32LittleEndian(header[12..]),
            BinaryPrimitives.ReadInt64LittleEndian(header[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(header[24..]),
            (RowNote)BinaryPrimitives.ReadUInt32LittleEndian(header[40..]));
        var whole = read is { CompletionsPerRow: 1 or 2, Rows: >= 0 and <= int.MaxValue, Ids: >= 0 and <= long.MaxValue / 8, Note: RowNote.None or RowNote.Label or RowNote.RewardMargin }
            && read.FileBytes == fileBytes && BinaryPrimitives.ReadInt64LittleEndian(header[32..]) == fileBytes;
        return whole
            ? read
            : throw new InvalidDataException($"{path} is damaged: it has {fileBytes} bytes, its header speaks of {BinaryPrimitives.ReadInt64LittleEndian(header[32..])}. Prepare the data again.");
    }
}

/// <summary>Where one row lies among the ids, and where it came from.</summary>
internal readonly record struct PairsEntry(long Start, int Prompt, int Chosen, int Rejected, int File, long Line)
{
    public void Write(Span<byte> entry)
    {
        BinaryPrimitives.WriteInt64LittleEndian(entry, Start);
        BinaryPrimitives.WriteInt32LittleEndian(entry[8..], Prompt);
        BinaryPrimitives.WriteInt32LittleEndian(entry[12..], Chosen);
        BinaryPrimitives.WriteInt32LittleEndian(entry[16..], Rejected);
        BinaryPrimitives.WriteInt32LittleEndian(entry[20..], File);
        BinaryPrimitives.WriteInt64LittleEndian(entry[24..], Line);
    }

    public static PairsEntry Read(ReadOnlySpan<byte> entry) => new(
        BinaryPrimitives.ReadInt64LittleEndian(entry),
        BinaryPrimitives.ReadInt32LittleEndian(entry[8..]),
        BinaryPrimitives.ReadInt32LittleEndian(entry[12..]),
        BinaryPrimitives.ReadInt32LittleEndian(entry[16..]),
        BinaryPrimitives.ReadInt32LittleEndian(entry[20..]),
        BinaryPrimitives.ReadInt64LittleEndian(entry[24..]));

    public bool Fits(long ids) =>
        Prompt > 0 && Chosen > 0 && Rejected >= 0 && Start >= 0 && Start <= ids - Prompt - Chosen - Rejected;
}
