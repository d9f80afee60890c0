using System.IO.Compression;

namespace Orchestrator.Training.Data.Rows;

/// <summary>One line of a file that is not blank. <paramref name="Bytes"/> is valid for good: every line has its own.</summary>
/// <param name="File">Index into the list of files.</param>
/// <param name="Line">Counted from 1, blank lines included.</param>
internal readonly record struct SourceLine(int File, long Line, ReadOnlyMemory<byte> Bytes);

/// <summary>
/// Lines of UTF-8 text files, gzipped or not (their first bytes decide), or the elements of a JSON array. Lines end with LF or CRLF; a byte order
/// mark and blank lines are passed over; the last line needs no end. Memory is that of the longest line.
/// </summary>
internal static class SourceFile
{
    private static readonly byte[] ByteOrderMark = [0xEF, 0xBB, 0xBF];

    // Without this a zipped file that is cut short ends early as if it were whole.
    static SourceFile() => AppContext.SetSwitch("System.IO.Compression.UseStrictValidation", true);

    /// <exception cref="FileNotFoundException">A file does not exist.</exception>
    /// <exception cref="InvalidDataException">A gzipped file is damaged.</exception>
    public static IEnumerable<SourceLine> Read(IReadOnlyList<string> files)
    {
        for (var file = 0; file < files.Count; file++)
        {
            using var stream = Open(files[file]);
            foreach (var (line, bytes) in IsArray(files[file]) ? new JsonArrayFile(files[file]).Elements(stream) : Lines(files[file], stream))
            {
                yield return new SourceLine(file, line, bytes);
            }
        }
    }

    private static bool IsArray(string path)
    {
        using var stream = Open(path);
        Span<byte> start = stackalloc byte[256];
        return JsonArrayFile.Begins(start[..ReadSome(stream, start, path)]);
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
