using System.Text;
using System.Text.Json;

namespace Orchestrator.Host.Metrics;

/// <summary>
/// metrics.jsonl: one line a logged step and one an evaluation, by TRL's names. Nothing in it depends on the number of workers or on time, so
/// the files of two runs that compute the same are the same bytes.
/// </summary>
/// <param name="path">Appended to.</param>
public sealed class MetricsFile(string path) : IMetricsWriter
{
    public const string FileName = "metrics.jsonl";
    private readonly StreamWriter _file = new(path, append: true) { AutoFlush = true };

    public void Write(MetricsEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteNumber("step", entry.Step);
            foreach (var metric in entry.Metrics)
            {
                Write(json, entry.Prefix + metric.Name, metric.Value);
            }

            json.WriteEndObject();
        }

        _file.WriteLine(Encoding.UTF8.GetString(memory.ToArray()));
    }

    public void Dispose() => _file.Dispose();

    // JSON has no NaN and no infinity.
    private static void Write(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value))
        {
            json.WriteNumber(name, value);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
