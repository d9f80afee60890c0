using System.Text.Json;

namespace Orchestrator.Host.Traces;

/// <summary>A folder of timelines, one file a process of this machine, and the one trace that they make together.</summary>
public sealed class TraceFolder : IDisposable
{
    private TraceFolder(string path) => Path = path;

    public string Path { get; }

    /// <summary>An empty folder that goes when this is disposed.</summary>
    public static TraceFolder Create() => new(Directory.CreateTempSubdirectory("orchestrator-trace-").FullName);

    /// <summary>Process name and events, file by file. A last line that was cut off, as by a kill, is left out.</summary>
    public IEnumerable<(string Process, IReadOnlyList<TraceEvent> Events)> Read() => Directory.EnumerateFiles(Path, "*.jsonl").Order(StringComparer.Ordinal)
        .Select(file => (System.IO.Path.GetFileNameWithoutExtension(file), (IReadOnlyList<TraceEvent>)[.. File.ReadLines(file).Select(TraceEvent.Parse).OfType<TraceEvent>()]));

    /// <summary>Writes a trace that chrome://tracing and Perfetto open: beside, then renamed.</summary>
    public void WriteTrace(string target)
    {
        var beside = target + ".part";
        using (var writer = new StreamWriter(beside))
        {
            writer.Write("[");
            var separator = "\n";
            foreach (var (process, events) in Read())
            {
                var names = events.Select(found => found.Process).Distinct()
                    .Select(id => $"{{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":{id},\"args\":{{\"name\":{JsonSerializer.Serialize(process)}}}}}");
                foreach (var line in names.Concat(events.Select(found => found.Line)))
                {
                    writer.Write(separator);
                    writer.Write(line);
                    separator = ",\n";
                }
            }

            writer.Write("\n]\n");
        }

        File.Move(beside, target, overwrite: true);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>One span of a timeline.</summary>
/// <param name="Began">Microseconds of the monotonic clock.</param>
/// <param name="Processor">Microseconds of its thread's processor time; null: not known.</param>
/// <param name="Values">step, and what else the span carries.</param>
/// <param name="Line">As it stands in the file.</param>
public sealed record TraceEvent(string Name, int Process, double Began, double Duration, double? Processor, IReadOnlyDictionary<string, double> Values, string Line)
{
    public double Ended => Began + Duration;

    public long Step => (long)Values["step"];

    /// <summary>null where the line is no whole event.</summary>
    public static TraceEvent? Parse(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            return new TraceEvent(
                root.GetProperty("name").GetString()!,
                root.GetProperty("pid").GetInt32(),
                root.GetProperty("ts").GetDouble(),
                root.GetProperty("dur").GetDouble(),
                root.TryGetProperty("tdur", out var processor) ? processor.GetDouble() : null,
                root.GetProperty("args").EnumerateObject().ToDictionary(value => value.Name, value => value.Value.GetDouble()),
                line);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return null;
        }
    }
}
