using System.IO.Compression;
using System.Text;
using Orchestrator.Training.Data;

namespace Orchestrator.Tests.Training.Data;

/// <summary>A folder of its own for a test's data files, gone after the test.</summary>
public sealed class DataDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("orchestrator-data-").FullName;

    public string Target => At("out.pairs");

    public string At(string name) => System.IO.Path.Combine(Path, name);

    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    public string Write(string name, byte[] bytes)
    {
        File.WriteAllBytes(At(name), bytes);
        return At(name);
    }

    public string WriteZipped(string name, string text)
    {
        using var zip = new GZipStream(File.Create(At(name)), CompressionLevel.Fastest);
        zip.Write(Encoding.UTF8.GetBytes(text));
        return At(name);
    }

    /// <summary>Prepares one file of the given lines with a tokenizer whose ids can be read.</summary>
    public DataReport Prepare(string text, DataOptions? options = null, TextTokenizer? tokenizer = null, IChatFormat? chat = null) =>
        DataPreparation.Prepare(options ?? new DataOptions(), [Write("rows.jsonl", text)], tokenizer ?? TinyTokenizer.Create(), chat, Target);

    /// <summary>The first row of a file of the given lines: prompt, chosen, rejected.</summary>
    public int[][] FirstRow(string text, DataOptions? options = null, TextTokenizer? tokenizer = null, IChatFormat? chat = null)
    {
        Prepare(text, options, tokenizer, chat);
        using var pairs = EncodedPairs.Open(Target);
        var row = pairs[0];
        return [row.Prompt.ToArray(), row.Chosen.ToArray(), row.Rejected.ToArray()];
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
