using System.Text.Json;
using Orchestrator.Training.Data.Rows;

namespace Orchestrator.Training.Data;

/// <summary>One field of the rows of some files, beside what training reads of them: a category, a source.</summary>
public static class RowColumn
{
    /// <summary>The field of each row that a .pairs file holds, in its order; null where a row has none. Texts as they are, numbers and flags as JSON writes them.</summary>
    /// <param name="files">Those that the .pairs file was made of.</param>
    /// <exception cref="InvalidDataException">The files are not those.</exception>
    public static IEnumerable<string?> Read(EncodedPairs pairs, IReadOnlyList<string> files, string column)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        var row = 0;
        foreach (var source in SourceFile.Read(files))
        {
            if (row < pairs.Count && pairs.SourceOf(row) == (source.File, source.Line))
            {
                yield return Field(source.Bytes, column);
                row++;
            }
        }

        if (row < pairs.Count)
        {
            throw new InvalidDataException($"{string.Join(", ", files)}: {pairs.Count} rows were read before, and {row} of them are there now. Do not change the files meanwhile.");
        }
    }

    private static string? Field(ReadOnlyMemory<byte> bytes, string column)
    {
        using var json = JsonDocument.Parse(bytes);
        return !json.RootElement.TryGetProperty(column, out var value) ? null : value.ValueKind switch
        {
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
            _ => null,
        };
    }
}
