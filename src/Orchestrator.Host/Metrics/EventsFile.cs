using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Orchestrator.Cluster;
using Orchestrator.Core;

namespace Orchestrator.Host.Metrics;

/// <summary>events.jsonl: everything that happened in a run, with its time and cost; one object a line, its kind under "event".</summary>
/// <param name="sums">With the sums of each step's metrics, from which a resumed run completes the mean that was under way.</param>
public sealed class EventsFile(string path, bool sums = false) : IRunObserver, IDisposable
{
    public const string FileName = "events.jsonl";

    /// <summary>Of a committed step: metric -> [sum, weight].</summary>
    internal const string Sums = "sums";

    private static readonly JsonSerializerOptions Style = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    private readonly StreamWriter _file = new(path, append: true) { AutoFlush = true };

    public void On(RunEvent happened) => _file.WriteLine(Line(happened, sums));

    internal static string Line(RunEvent happened, bool sums = false)
    {
        var fields = JsonSerializer.SerializeToNode(Plain(happened), Style)!.AsObject();
        fields.Remove("time");
        fields.Insert(0, "time", happened.Time.ToString("O"));
        fields.Insert(1, "event", JsonNamingPolicy.SnakeCaseLower.ConvertName(happened.GetType().Name));
        if (sums && happened is StepCommitted step)
        {
            fields.Add(Sums, JsonSerializer.SerializeToNode(step.Metrics.ToDictionary(metric => metric.Name, metric => new[] { metric.Sum, metric.Weight }), Style));
        }

        return fields.ToJsonString(Style);
    }

    public void Dispose() => _file.Dispose();

    // Of a step's metrics only what counts tokens: the rest stands in metrics.jsonl.
    private static object Plain(RunEvent happened) => happened switch
    {
        StepCommitted step => new
        {
            step.Step,
            step.Id.Term,
            step.Id.Generation,
            step.Id.Attempt,
            step.Pairs,
            num_tokens = step.Metrics.ValueOf(MetricNames.Tokens) ?? 0,
            step.Seconds,
            step.Workers,
            step.Skipped,
        },
        Evaluated evaluated => new { evaluated.Step, evaluated.Set, evaluated.Seconds },
        Sampled sampled => new { sampled.Step, sampled.Set, Samples = sampled.Samples.Length, sampled.Seconds },
        RunEnded ended => ended.Outcome,
        _ => (object)happened,
    };
}
