using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Orchestrator.Training.Data;

/// <summary>
/// Writes a .pairs file row by row, in flat memory: ids go to a file beside the target, the index to a second one. <see cref="Commit"/> joins
/// them, syncs and renames; without it nothing is left behind. The same rows give the same bytes.
/// </summary>
public sealed class EncodedPairsWriter : IDisposable
{
    private readonly string _target;
    private readonly FileStream _ids, _index;
    private readonly int _completionsPerRow;
    private readonly RowNote _note;
    private readonly List<byte> _notes = [];
    private long _written;

    /// <param name="target">Its directory is made where it is not there.</param>
    /// <param name="completionsPerRow">2: pairs; 1: prompt and completion.</param>
    /// <param name="note">What each row bears; 1 byte a row (labels) or 8 (reward margins) are held in memory.</param>
    public EncodedPairsWriter(string target, int completionsPerRow, RowNote note = RowNote.None)
    {
        if (!BitConverter.IsLittleEndian)
        {
            throw new NotSupportedException("This machine is big-endian; .pairs files are little-endian.");
        }

        ArgumentOutOfRangeException.ThrowIfNotEqual(completionsPerRow is 1 or 2, true);
        (_target, _completionsPerRow, _note) = (Path.GetFullPath(target), completionsPerRow, note);
        Directory.CreateDirectory(Path.GetDirectoryName(_target)!);
        _ids = Create(_target + ".part");
        _index = Create(_target + ".index.part");
        _ids.Write(new byte[PairsHeader.Bytes]);
    }

    /// <summary>Rows added so far.</summary>
    public int Count { get; private set; }

    /// <param name="prompt">At least one id.</param>
    /// <param name="chosen">At least one id.</param>
    /// <param name="rejected">At least one id; empty where rows have one completion.</param>
    /// <param name="file">Place of the row's source in the list of files.</param>
    /// <param name="line">Line in it, from 1; 0 where the row came from no file.</param>
    /// <param name="desirable">Given exactly where rows bear labels.</param>
    /// <param name="rewardMargin">Given exactly where rows bear reward margins; finite.</param>
    public void Add(
        ReadOnlySpan<int> prompt, ReadOnlySpan<int> chosen, ReadOnlySpan<int> rejected, int file = 0, long line = 0, bool? desirable = null, double? rewardMargin = null)
    {
        ArgumentOutOfRangeException.ThrowIfZero(prompt.Length);
        ArgumentOutOfRangeException.ThrowIfZero(chosen.Length);
        if (rejected.IsEmpty == (_completionsPerRow == 2))
        {
            throw new ArgumentException($"a row of this file has {_completionsPerRow} completions", nameof(rejected));
        }

        AddNote(desirable, rewardMargin);
        Span<byte> entry = stackalloc byte[PairsHeader.EntryBytes];
        new PairsEntry(_written, prompt.Length, chosen.Length, rejected.Length, file, line).Write(entry);
        _index.Write(entry);
        _ids.Write(MemoryMarshal.AsBytes(prompt));
        _ids.Write(MemoryMarshal.AsBytes(chosen));
        _ids.Write(MemoryMarshal.AsBytes(rejected));
        _written += prompt.Length + chosen.Length + rejected.Length;
        Count++;
    }

    /// <summary>Makes the file whole and gives it its name.</summary>
    public void Commit()
    {
        _index.Position = 0;
        _index.CopyTo(_ids);
        _ids.Write(CollectionsMarshal.AsSpan(_notes));
        Span<byte> header = stackalloc byte[PairsHeader.Bytes];
        new PairsHeader(_completionsPerRow, Count, _written, _note).Write(header);
        _ids.Position = 0;
        _ids.Write(header);
        _ids.Flush(flushToDisk: true);
        _ids.Dispose();
        File.Move(_target + ".part", _target, overwrite: true);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ids.Dispose();
        _index.Dispose();
        File.Delete(_target + ".part");
        File.Delete(_target + ".index.part");
    }

    private void AddNote(bool? desirable, double? rewardMargin)
    {
        if (desirable is not null != (_note == RowNote.Label) || (rewardMargin is { } margin && double.IsFinite(margin)) != (_note == RowNote.RewardMargin))
        {
            throw new ArgumentException($"this file has rows{RowNotes.Told(_note)}, and the row {(desirable, rewardMargin)} has something else", nameof(desirable));
        }

        switch (_note)
        {
            case RowNote.Label:
                _notes.Add(desirable == true ? (byte)1 : (byte)0);
                break;
            case RowNote.RewardMargin:
                Span<byte> bytes = stackalloc byte[sizeof(double)];
                BinaryPrimitives.WriteDoubleLittleEndian(bytes, rewardMargin!.Value);
                _notes.AddRange(bytes);
                break;
        }
    }

    private static FileStream Create(string path) => new(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None, bufferSize: 1 << 20);
}
