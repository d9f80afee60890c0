using System.Buffers;
using System.IO.MemoryMappedFiles;
using System.Text.Encodings.Web;
using System.Text.Json;
using Parquet;

namespace Orchestrator.Training.Data.Rows;

/// <summary>
/// The rows of a Parquet file as JSON objects, in file order: whatever reads JSON rows reads these. Lists and structs become lists and objects,
/// binary fields texts, NaN and infinities null. Memory is that of one row group.
/// </summary>
internal static class ParquetFile
{
    private static readonly JsonWriterOptions Style = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private static ReadOnlySpan<byte> Magic => "PAR1"u8;

    /// <param name="start">The first bytes of the file.</param>
    public static bool Begins(ReadOnlySpan<byte> start) => start.StartsWith(Magic);

    /// <returns>Row groups and rows counted from 1, rows over the whole file.</returns>
    /// <exception cref="InvalidDataException">The file is damaged; the message names row group, row and column.</exception>
    public static IEnumerable<(int Group, long Row, byte[] Bytes)> Rows(string path)
    {
        if (new FileInfo(path).Length < 2 * Magic.Length + sizeof(int))
        {
            throw new InvalidDataException($"{path} is cut short: it begins as a Parquet file and has no end. Fetch it again.");
        }

        // Reads of mapped memory end at once: the reader's tasks are done when it hands them out, and nothing waits for a pool thread.
        using var mapped = MemoryMappedFile.CreateFromFile(path, FileMode.Open, mapName: null, capacity: 0, MemoryMappedFileAccess.Read);
        using var stream = mapped.CreateViewStream(0, new FileInfo(path).Length, MemoryMappedFileAccess.Read);
        var reader = Open(path, stream);
        var row = 0L;
        for (var group = 0; group < reader.RowGroupCount; group++)
        {
            foreach (var bytes in RowsOf(reader, group, path, row))
            {
                yield return (group + 1, ++row, bytes);
            }
        }
    }

    private static IEnumerable<byte[]> RowsOf(ParquetReader reader, int group, string path, long before)
    {
        using var content = reader.OpenRowGroupReader(group);
        var rows = checked((int)content.RowCount);
        var where = $"{path}, row group {group + 1} (rows {before + 1} to {before + rows})";
        var columns = new List<ParquetColumn>();
        try
        {
            foreach (var field in reader.Schema.GetDataFields())
            {
                columns.Add(Read(content, field, rows, where));
            }

            var fields = ParquetNode.Fields(reader.Metadata!.Schema);
            var (buffer, assembler) = (new ArrayBufferWriter<byte>(1 << 12), new ParquetAssembler(columns));
            using var json = new Utf8JsonWriter(buffer, Style);
            for (var row = 0; row < rows; row++)
            {
                buffer.ResetWrittenCount();
                json.Reset();
                assembler.Write(fields, json, $"{path}, row group {group + 1}, row {before + row + 1}");
                yield return buffer.WrittenSpan.ToArray();
            }

            if (columns.Find(column => !column.AtEnd) is { } longer)
            {
                throw Damaged(where, longer.Name, "it has more entries than the row group has rows");
            }
        }
        finally
        {
            columns.ForEach(column => column.Dispose());
        }
    }

    private static ParquetReader Open(string path, Stream stream)
    {
        try
        {
            var reader = Done(ParquetReader.CreateAsync(stream, leaveStreamOpen: true));
            var leaves = ParquetNode.Fields(reader.Metadata!.Schema).Sum(field => field.Leaves);
            return leaves == reader.Schema.GetDataFields().Length
                ? reader
                : throw new InvalidDataException($"its schema has {leaves} columns, of which {reader.Schema.GetDataFields().Length} are understood");
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            throw new InvalidDataException($"{path} is no whole Parquet file: {error.Message.TrimEnd('.')}. Fetch it again.", error);
        }
    }

    private static ParquetColumn Read(ParquetRowGroupReader group, Parquet.Schema.DataField field, int rows, string where)
    {
        try
        {
            return new ParquetColumn(field, Done(group.ReadRawColumnDataBaseAsync(field).AsTask()), rows);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            throw Damaged(where, field.Path.ToString(), error.Message.TrimEnd('.'));
        }
    }

    public static InvalidDataException Damaged(string where, string column, string what) =>
        new($"{where}, column \"{column}\": {what}. The file is damaged or written in a way that is not understood; fetch it again, or convert it to JSONL.");

    private static T Done<T>(Task<T> task) => task.GetAwaiter().GetResult();
}

/// <summary>Puts rows together from the columns of a row group, one after the other.</summary>
internal sealed class ParquetAssembler(IReadOnlyList<ParquetColumn> columns)
{
    /// <param name="where">File, row group and row, for messages.</param>
    public void Write(IReadOnlyList<ParquetNode> fields, Utf8JsonWriter json, string where)
    {
        var at = fields[0];
        try
        {
            json.WriteStartObject();
            foreach (var field in fields)
            {
                at = field;
                json.WritePropertyName(field.Name);
                Write(field, json);
            }

            json.WriteEndObject();
            json.Flush();
        }
        catch (Exception error) when (error is InvalidDataException or IndexOutOfRangeException or ArgumentException or InvalidOperationException)
        {
            throw ParquetFile.Damaged(where, at.Name, error.Message.TrimEnd('.'));
        }
    }

    private void Write(ParquetNode node, Utf8JsonWriter json)
    {
        var first = columns[node.FirstLeaf];
        if (first.Definition < node.Definition)
        {
            json.WriteNullValue();
            Skip(node);
            return;
        }

        switch (node.Shape)
        {
            case ParquetShape.Value:
                first.Write(json);
                break;
            case ParquetShape.Struct:
                WriteStruct(node, json);
                break;
            default:
                WriteList(node, first, json);
                break;
        }
    }

    private void WriteStruct(ParquetNode node, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        foreach (var child in node.Children)
        {
            json.WritePropertyName(child.Name);
            Write(child, json);
        }

        json.WriteEndObject();
    }

    private void WriteList(ParquetNode node, ParquetColumn first, Utf8JsonWriter json)
    {
        json.WriteStartArray();
        if (first.Definition < node.ElementDefinition)
        {
            Skip(node);
        }
        else
        {
            do
            {
                Write(node.Children[0], json);
            }
            while (first.Repetition == node.Repetition);
        }

        json.WriteEndArray();
    }

    // Where a node is null or empty, each leaf below it has one entry that says so.
    private void Skip(ParquetNode node)
    {
        for (var leaf = node.FirstLeaf; leaf < node.FirstLeaf + node.Leaves; leaf++)
        {
            columns[leaf].Skip();
        }
    }
}
