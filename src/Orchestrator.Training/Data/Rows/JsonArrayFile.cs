namespace Orchestrator.Training.Data.Rows;

/// <summary>
/// The elements of a file that is one JSON array of rows, one by one: memory is that of the largest element. Only nesting and strings are
/// followed here; whether an element is JSON is found out when it is read. "[{" begins such a file, white space between them or not; any other
/// file has a row on each line.
/// </summary>
internal sealed class JsonArrayFile(string path)
{
    private readonly List<byte> _element = [];
    private long _line = 1, _startLine = 1;
    private int _depth;
    private bool _inString, _escaped;

    /// <param name="start">The first bytes of the file.</param>
    public static bool Begins(ReadOnlySpan<byte> start)
    {
        ReadOnlySpan<byte> marksAndSpaces = [0xEF, 0xBB, 0xBF, .. " \t\r\n"u8];
        var text = start.TrimStart(marksAndSpaces);
        return text.StartsWith("["u8) && text[1..].TrimStart(" \t\r\n"u8).StartsWith("{"u8);
    }

    /// <exception cref="InvalidDataException">The file ends inside the array.</exception>
    public IEnumerable<(long Line, byte[] Bytes)> Elements(Stream stream)
    {
        var buffer = new byte[1 << 16];
        for (int read; (read = SourceFile.ReadSome(stream, buffer, path)) > 0;)
        {
            for (var at = 0; at < read; at++)
            {
                if (Take(buffer[at]) is { } element)
                {
                    yield return (_startLine, element);
                }
            }
        }

        if (_depth > 0)
        {
            throw new InvalidDataException($"{path}, line {_line}: the file ends inside its JSON array. Fetch it again, or write one JSON object per line.");
        }
    }

    // The bytes of an element where this byte ends it.
    private byte[]? Take(byte value)
    {
        _line += value == '\n' ? 1 : 0;
        if (_inString)
        {
            (_inString, _escaped) = (_escaped || value != '"', !_escaped && value == '\\');
            _element.Add(value);
            return null;
        }

        _depth += value is (byte)'[' or (byte)'{' ? 1 : value is (byte)']' or (byte)'}' ? -1 : 0;
        var outside = _depth == 0 || (_depth == 1 && value is (byte)',' or (byte)'[');
        if (outside)
        {
            return Finish();
        }

        _inString = value == '"';
        if (_element.Count > 0 || value is not ((byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n'))
        {
            _startLine = _element.Count == 0 ? _line : _startLine;
            _element.Add(value);
        }

        return null;
    }

    private byte[]? Finish()
    {
        byte[] element = [.. _element];
        _element.Clear();
        return element.Length == 0 ? null : element;
    }
}
