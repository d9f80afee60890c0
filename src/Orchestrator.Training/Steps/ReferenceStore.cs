using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Orchestrator.Core;

namespace Orchestrator.Training.Steps;

/// <summary>
/// Reference log-probabilities of one set's rows on disk, for the other workers of this machine and for later runs. Files are named by the content
/// of all that the values depend on; each process appends to a file of its own and reads those of all. A record is its row, its length, the
/// values and a checksum: one that is still being written is left for later, one that is damaged ends the use of its file.
/// </summary>
internal sealed class ReferenceStore : IDisposable
{
    private const int HeadBytes = 2 * sizeof(int);
    private const int MostValues = 1 << 24;
    private readonly string _directory;
    private readonly string _key;
    private readonly string _own;
    private readonly Dictionary<string, long> _read = [];
    private readonly Dictionary<int, float[]> _rows = [];
    private FileStream? _writing;

    /// <param name="directory">Made where it is absent.</param>
    public ReferenceStore(string directory, string key)
    {
        Directory.CreateDirectory(directory);
        (_directory, _key) = (directory, key);
        _own = Path.Combine(directory, $"{key}-{Guid.NewGuid():N}.logps");
        Refresh();
    }

    /// <summary>Rows whose values are known.</summary>
    public int Count => _rows.Count;

    /// <summary>Names all that the values of a set depend on; null where the job does not say what its files contain.</summary>
    /// <param name="computing">How they are computed: equal texts, equal bits.</param>
    public static string? KeyOf(Job job, string set, string computing)
    {
        var model = job.Files.Any(file => file.Name.StartsWith("reference/", StringComparison.Ordinal)) ? "reference/" : "model/";
        var files = job.Files.Where(file => file.Name.StartsWith(model, StringComparison.Ordinal) || file.Name.StartsWith("adapter/", StringComparison.Ordinal) || file.Name == $"pairs/{set}.pairs")
            .OrderBy(file => file.Name, StringComparer.Ordinal).ToArray();
        return files.Length < 2 ? null : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
            $"reference log-probabilities 1\n{computing}\n{string.Join('\n', files.Select(file => $"{file.Name} {file.Sha256}"))}")))[..32];
    }

    /// <summary>Whether a row was known at the last look.</summary>
    public bool Has(int row) => _rows.ContainsKey(row);

    /// <summary>What is known of a row, looking once more at what others have written; null where nothing is.</summary>
    public float[]? Find(int row)
    {
        if (!_rows.ContainsKey(row))
        {
            Refresh();
        }

        return _rows.GetValueOrDefault(row);
    }

    /// <summary>A disk that does not take the values costs their being kept, not the run.</summary>
    public void Add(int row, float[] values)
    {
        _rows[row] = values;
        var record = new byte[HeadBytes + values.Length * sizeof(float) + sizeof(ulong)];
        BinaryPrimitives.WriteInt32LittleEndian(record, row);
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(sizeof(int)), values.Length);
        MemoryMarshal.AsBytes<float>(values).CopyTo(record.AsSpan(HeadBytes));
        BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(record.Length - sizeof(ulong)), XxHash3.HashToUInt64(record.AsSpan(0, record.Length - sizeof(ulong))));
        try
        {
            _writing ??= new FileStream(_own, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
            _writing.Write(record);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
        }
    }

    public void Dispose() => _writing?.Dispose();

    /// <summary>Looks at what others have written since.</summary>
    public void Refresh()
    {
        foreach (var path in Directory.EnumerateFiles(_directory, $"{_key}-*.logps").Where(path => path != _own).Order(StringComparer.Ordinal))
        {
            var from = _read.GetValueOrDefault(path);
            try
            {
                if (from >= 0 && new FileInfo(path).Length > from)
                {
                    _read[path] = Read(path, from);
                }
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
            }
        }
    }

    /// <returns>Where to go on; -1: never again.</returns>
    private long Read(string path, long from)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Position = from;
        var bytes = new byte[file.Length - from];
        file.ReadExactly(bytes);
        var at = 0;
        while (bytes.Length - at >= HeadBytes)
        {
            var (row, count) = (BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at)), BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + sizeof(int))));
            if (row < 0 || count is < 0 or > MostValues)
            {
                return -1;
            }

            var length = HeadBytes + count * sizeof(float);
            if (bytes.Length - at < length + sizeof(ulong))
            {
                break;
            }

            if (XxHash3.HashToUInt64(bytes.AsSpan(at, length)) != BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at + length)))
            {
                return -1;
            }

            _rows[row] = MemoryMarshal.Cast<byte, float>(bytes.AsSpan(at + HeadBytes, count * sizeof(float))).ToArray();
            at += length + sizeof(ulong);
        }

        return from + at;
    }
}
