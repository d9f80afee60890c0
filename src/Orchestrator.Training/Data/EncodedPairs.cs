using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;

namespace Orchestrator.Training.Data;

/// <summary>
/// A .pairs file, mapped into memory: rows are read where they lie, in any order, by any number of threads. Every prompt and every answer has at
/// least one id. Do not use a row after disposing the file.
/// </summary>
public sealed unsafe class EncodedPairs : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly PairsHeader _header;
    private readonly string _path;
    private readonly byte* _bytes;
    private bool _disposed;

    private EncodedPairs(string path, PairsHeader header)
    {
        (_path, _header) = (path, header);
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, mapName: null, capacity: 0, MemoryMappedFileAccess.Read);
        _view = _file.CreateViewAccessor(0, header.FileBytes, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _bytes);
    }

    /// <summary>Rows.</summary>
    public int Count => (int)_header.Rows;

    /// <summary>2: pairs. 1: prompt and completion.</summary>
    public int CompletionsPerRow => _header.CompletionsPerRow;

    /// <summary>What each row bears beside its ids.</summary>
    public RowNote Note => _header.Note;

    /// <summary>Ids of all rows together, prompts counted once.</summary>
    public long TotalIds => _header.Ids;

    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is no whole .pairs file.</exception>
    public static EncodedPairs Open(string path)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"{path} does not exist. Prepare the data first.", path);
        }

        using var file = File.OpenRead(path);
        Span<byte> header = stackalloc byte[PairsHeader.Bytes];
        return new EncodedPairs(path, PairsHeader.Read(header[..file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false)], file.Length, path));
    }

    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    /// <exception cref="InvalidDataException">The file's index points outside its ids.</exception>
    public EncodedPair this[int index]
    {
        get
        {
            var entry = EntryOf(index);
            if (!entry.Fits(_header.Ids) || (entry.Rejected == 0) == (CompletionsPerRow == 2))
            {
                throw new InvalidDataException($"{_path} is damaged: row {index} does not lie within its ids. Prepare the data again.");
            }

            var prompt = (int*)(_bytes + PairsHeader.Bytes) + entry.Start;
            return new EncodedPair(
                new ReadOnlySpan<int>(prompt, entry.Prompt),
                new ReadOnlySpan<int>(prompt + entry.Prompt, entry.Chosen),
                new ReadOnlySpan<int>(prompt + entry.Prompt + entry.Chosen, entry.Rejected));
        }
    }

    /// <summary>Where a row came from: the place of its file in the list that was prepared, and its line, from 1.</summary>
    public (int File, long Line) SourceOf(int index)
    {
        var entry = EntryOf(index);
        return (entry.File, entry.Line);
    }

    /// <summary>A row's label.</summary>
    /// <exception cref="InvalidOperationException">The rows bear none.</exception>
    /// <exception cref="InvalidDataException">The label is none.</exception>
    public bool IsDesirable(int index)
    {
        return NoteOf(index, RowNote.Label)[0] switch
        {
            0 => false,
            1 => true,
            _ => throw new InvalidDataException($"{_path} is damaged: the label of row {index} is none. Prepare the data again."),
        };
    }

    /// <summary>How much better a row's chosen answer is by the rewards of the data, in their unit; finite.</summary>
    /// <exception cref="InvalidOperationException">The rows bear none.</exception>
    /// <exception cref="InvalidDataException">It is no number.</exception>
    public double RewardMarginOf(int index) => BinaryPrimitives.ReadDoubleLittleEndian(NoteOf(index, RowNote.RewardMargin)) is var margin && double.IsFinite(margin)
        ? margin
        : throw new InvalidDataException($"{_path} is damaged: the reward margin of row {index} is no number. Prepare the data again.");

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
            _view.Dispose();
            _file.Dispose();
        }
    }

    private ReadOnlySpan<byte> NoteOf(int index, RowNote wanted)
    {
        _ = EntryOf(index);
        var bytes = RowNotes.Bytes(wanted);
        return Note == wanted
            ? new ReadOnlySpan<byte>(_bytes + _header.FileBytes - (_header.Rows - index) * bytes, bytes)
            : throw new InvalidOperationException($"{_path} has rows{RowNotes.Told(Note)}, not{RowNotes.Told(wanted)}.");
    }

    private PairsEntry EntryOf(int index)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        var entry = _bytes + PairsHeader.Bytes + _header.Ids * sizeof(int) + (long)index * PairsHeader.EntryBytes;
        return PairsEntry.Read(new ReadOnlySpan<byte>(entry, PairsHeader.EntryBytes));
    }
}

/// <summary>One row's ids, in place. Completions end with their end token unless truncated or given as ids.</summary>
public readonly ref struct EncodedPair(ReadOnlySpan<int> prompt, ReadOnlySpan<int> chosen, ReadOnlySpan<int> rejected)
{
    /// <summary>At least one id; the same for both answers.</summary>
    public ReadOnlySpan<int> Prompt { get; } = prompt;

    /// <summary>At least one id. The only completion where rows have one.</summary>
    public ReadOnlySpan<int> Chosen { get; } = chosen;

    /// <summary>At least one id; empty where rows have one completion.</summary>
    public ReadOnlySpan<int> Rejected { get; } = rejected;
}
