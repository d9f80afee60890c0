using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Orchestrator.Cluster;
using Orchestrator.Core;

namespace Orchestrator.Host.Metrics;

/// <summary>
/// metrics.jsonl: one line a logged step and one an evaluation, by TRL's names. Nothing in it depends on the number of workers or on time, so
/// the files of two runs that compute the same are the same bytes. num_tokens counts from the run's beginning.
/// </summary>
public sealed class MetricsFile : IRunObserver, IDisposable
{
    public const string FileName = "metrics.jsonl";
    private readonly StreamWriter _file;
    private readonly int _every;
    private double _tokens;

    /// <param name="path">Appended to.</param>
    /// <param name="every">Steps between two lines; the last step always has one.</param>
    /// <param name="tokens">num_tokens so far, on a resume.</param>
    public MetricsFile(string path, int every, double tokens) =>
        (_file, _every, _tokens) = (new StreamWriter(path, append: true) { AutoFlush = true }, every, tokens);

    public void On(RunEvent happened)
    {
        if (happened is StepCommitted step)
        {
            _tokens += step.Metrics.FirstOrDefault(metric => metric.Name == MetricNames.Tokens).Sum;
            if (step.Step % _every == 0 || step.Step == step.Steps)
            {
                _file.WriteLine(Line(step.Step, "", step.Metrics, _tokens));
            }
        }
        else if (happened is Evaluated evaluated)
        {
            _file.WriteLine(Line(evaluated.Step, MetricNames.Prefix(evaluated.Set), evaluated.Metrics, null));
        }
    }

    /// <param name="tokens">Instead of the step's own num_tokens; null leaves them.</param>
    internal static string Line(long step, string prefix, ImmutableArray<MetricSum> metrics, double? tokens)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteNumber("step", step);
            foreach (var metric in metrics)
            {
                Write(json, prefix + metric.Name, metric.Name == MetricNames.Tokens && tokens is { } total ? total : metric.Value);
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(memory.ToArray());
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
