using System.Text.Encodings.Web;
using System.Text.Json;
using Orchestrator.Host.Runs;

namespace Orchestrator.Host.Quickstart;

/// <summary>What the quickstart leaves behind, and where. A part that is there under its name is complete.</summary>
public sealed record QuickstartFolder(string Path)
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public string Corpus => In("corpus.jsonl");

    public string Untrained => In("untrained");

    /// <summary>The run that teaches the model to write reviews.</summary>
    public OutputDirectory Sft => new(In("sft"));

    public string TrainPairs => In("pairs.train.jsonl");

    public string HeldOutPairs => In("pairs.eval.jsonl");

    /// <summary>The run that teaches it to write friendly ones.</summary>
    public OutputDirectory Dpo => new(In("dpo"));

    public string Samples(string of) => In($"samples.{of}.jsonl");

    /// <summary>Removes what an earlier quickstart left here, and nothing else.</summary>
    public void Clear()
    {
        Directory.CreateDirectory(Path);
        foreach (var folder in new[] { Untrained, Sft.Path, Dpo.Path, Dpo.TokensBeside }.Where(Directory.Exists))
        {
            Directory.Delete(folder, recursive: true);
        }

        foreach (var file in new[] { Corpus, TrainPairs, HeldOutPairs, Samples("reference"), Samples("policy") })
        {
            File.Delete(file);
        }
    }

    /// <summary>One JSON object a line; the file appears when it is complete.</summary>
    public static void WriteLines<T>(string path, IEnumerable<T> rows)
    {
        var beside = path + ".tmp";
        File.WriteAllLines(beside, rows.Select(row => JsonSerializer.Serialize(row, Readable)));
        File.Move(beside, path, overwrite: true);
    }

    private string In(string name) => System.IO.Path.Combine(Path, name);
}
