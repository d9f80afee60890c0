namespace Orchestrator.Training.Data;

/// <summary>The files that a run file's data entries mean.</summary>
public static class DataFiles
{
    private static readonly string[] Endings = [".jsonl", ".jsonl.gz", ".json", ".json.gz", ".ndjson", ".ndjson.gz", ".parquet"];

    /// <param name="entries">
    /// Each is a file (JSONL or a JSON array, gzipped or not, or Parquet); a directory, for the data files directly in it (.jsonl, .json, .ndjson, or
    /// these with .gz, .parquet); or a path whose last part has * or ?, for the files that match. Files of one entry come in the order of their names, by code points.
    /// </param>
    /// <exception cref="FileNotFoundException">An entry stands for no file.</exception>
    /// <exception cref="ArgumentException">There are no entries.</exception>
    public static IReadOnlyList<string> Find(IReadOnlyList<string> entries) => entries.Count > 0
        ? [.. entries.SelectMany(FilesOf)]
        : throw new ArgumentException("No data file is named. Name a file with one JSON object per line (.jsonl, .jsonl.gz) or Parquet rows (.parquet).", nameof(entries));

    private static string[] FilesOf(string entry)
    {
        if (File.Exists(entry))
        {
            return [entry];
        }

        if (Directory.Exists(entry))
        {
            return Sorted(Directory.EnumerateFiles(entry).Where(file => Array.Exists(Endings, ending => file.EndsWith(ending, StringComparison.Ordinal))))
                is { Length: > 0 } inside ? inside : throw new FileNotFoundException($"{entry} is a directory without data files ({string.Join(", ", Endings)}).", entry);
        }

        var (directory, pattern) = (Path.GetDirectoryName(entry), Path.GetFileName(entry));
        if (pattern.AsSpan().IndexOfAny('*', '?') < 0)
        {
            throw new FileNotFoundException($"{entry} does not exist. Name a file with one JSON object per line (.jsonl, .jsonl.gz) or Parquet rows (.parquet).", entry);
        }

        directory = string.IsNullOrEmpty(directory) ? "." : directory;
        return Directory.Exists(directory) && Sorted(Directory.EnumerateFiles(directory, pattern)) is { Length: > 0 } matching
            ? matching
            : throw new FileNotFoundException($"No file matches {entry}.", entry);
    }

    private static string[] Sorted(IEnumerable<string> files) => [.. files.Order(StringComparer.Ordinal)];
}
