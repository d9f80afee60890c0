using System.IO.Compression;

namespace Orchestrator.Training.Data.Rows;

/// <summary>One row of a file, as JSON: a line that is not blank, an element of an array, a row of a Parquet file. <paramref name="Bytes"/> is valid for good: every row has its own.</summary>
/// <param name="File">Index into the list of files.</param>
/// <param name="Line">Counted from 1, blank lines included; of a Parquet file the row, counted from 1.</param>
/// <param name="RowGroup">Of a Parquet file, counted from 1; 0 for others.</param>
internal readonly record struct SourceLine(int File, long Line, ReadOnlyMemory<byte> Bytes, int RowGroup = 0)
{
    /// <summary>"line 3", "row group 2, row 1003".</summary>
    public string Place => PlaceOf(Line, RowGroup);

    public static string PlaceOf(long line, int rowGroup) => rowGroup > 0 ? $"row group {rowGroup}, row {line}" : $"line {line}";
}

/// <summary>
/// Lines of UTF-8 text files, gzipped or not (their first bytes decide), the elements of a JSON array, or the rows of a Parquet file. Lines end
/// with LF or CRLF; a byte order mark and blank lines are passed over; the last line needs no end. Memory is that of the longest line, or of a row group.
/// </summary>
internal static class SourceFile
{
    private static readonly byte[] ByteOrderMark = [0xEF, 0xBB, 0xBF];

    // Without this a zipped file that is cut short ends early as if it were whole.
    static SourceFile() => AppContext.SetSwitch("System.IO.Compression.UseStrictValidation", true);

    /// <exception cref="FileNotFoundException">A file does not exist.</exception>
    /// <exception cref="InvalidDataException">A gzipped or Parquet file is damaged.</exception>
    public static IEnumerable<SourceLine> Read(IReadOnlyList<string> files)
    {
        for (var file = 0; file < files.Count; file++)
        {
            foreach (var (group, line, bytes) in RowsOf(files[file]))
            {
                yield return new SourceLine(file, line, bytes, group);
            }
        }
    }

    private static IEnumerable<(int Group, long Line, byte[] Bytes)> RowsOf(string path)
    {
        var start = Start(path);
        if (ParquetFile.Begins(start))
        {
            return ParquetFile.Rows(path);
        }

        return path.EndsWith(".parquet", StringComparison.Ordinal)
            ? throw new InvalidDataException($"{path} is no Parquet file: it does not begin as one. A pointer of Git LFS or a web page in its place? Fetch it again.")
            : TextRows(path, JsonArrayFile.Begins(start));
    }

    private static IEnumerable<(int Group, long Line, byte[] Bytes)> TextRows(string path, bool isArray)
    {
        using var stream = Open(path);
        foreach (var (line, bytes) in isArray ? new JsonArrayFile(path).Elements(stream) : Lines(path, stream))
        {
            yield return (0, line, bytes);
        }
    }

    private static byte[] Start(string path)
    {
        using var stream = Open(path);
        var start = new byte[256];
        return start[..ReadSome(stream, start, path)];
    }

    private static IEnumerable<(long Line, byte[] Bytes)> Lines(string path, Stream stream)
    {
        var (buffer, start, end, line) = (new byte[1 << 16], 0, 0, 1L);
        while (true)
        {
            var length = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            if (length >= 0)
            {
                if (Trim(buffer.AsSpan(start, length), line) is { Length: > 0 } bytes)
                {
                    yield return (line, bytes);
                }

                (start, line) = (start + length + 1, line + 1);
                continue;
            }

            (start, end) = MakeRoom(ref buffer, start, end, path, line);
            var read = ReadSome(stream, buffer.AsSpan(end), path);
            if (read == 0)
            {
                break;
            }

            end += read;
        }

        if (Trim(buffer.AsSpan(start, end - start), line) is { Length: > 0 } last)
        {
            yield return (line, last);
        }
    }

    private static byte[] Trim(ReadOnlySpan<byte> bytes, long line)
    {
        var text = line == 1 && bytes.StartsWith(ByteOrderMark) ? bytes[ByteOrderMark.Length..] : bytes;
        return text.Trim(" \t\r"u8).ToArray();
    }

    private static (int Start, int End) MakeRoom(ref byte[] buffer, int start, int end, string path, long line)
    {
        if (start == 0 && end == buffer.Length)
        {
            if (buffer.Length >= 1 << 30)
            {
                throw new InvalidDataException($"{path}, line {line}: a line of more than 1 GiB. Is this a file with one JSON object per line?");
            }

            Array.Resize(ref buffer, buffer.Length * 2);
        }
        else if (start > 0)
        {
            buffer.AsSpan(start, end - start).CopyTo(buffer);
        }

        return (0, end - start);
    }

    public static Stream Open(string path)
    {
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16, FileOptions.SequentialScan);
        var zipped = file.ReadByte() == 0x1F && file.ReadByte() == 0x8B;
        file.Position = 0;
        return zipped ? new GZipStream(file, CompressionMode.Decompress) : file;
    }

    public static int ReadSome(Stream stream, Span<byte> into, string path)
    {
        try
        {
            return stream.Read(into);
        }
        catch (InvalidDataException damaged)
        {
            throw new InvalidDataException($"{path}: the gzipped data is damaged or cut short ({damaged.Message}) Fetch the file again.", damaged);
        }
    }
}
