using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Orchestrator.Core;

/// <summary>
/// Where one process's time goes: named spans, written as complete events of the Chrome trace format, one JSON object a line. Times are
/// microseconds of the machine's monotonic clock, so that the lines of several processes of one machine can stand in one trace; where a span
/// begins and ends on one thread, tdur is that thread's processor time, which neighbours do not lengthen. What is written reaches the file at
/// each <see cref="Flush"/>. Thread-safe.
/// </summary>
/// <remarks>Format: "Trace Event Format", JSON array form; chrome://tracing and Perfetto read it. On an accelerator spans show when work was handed in, unless the span waits for a result.</remarks>
public sealed class Timeline : IDisposable
{
    private readonly Lock _lock = new();
    private readonly StringBuilder _lines = new();
    private readonly StreamWriter? _file;

    /// <param name="path">Appended to. null: nothing is recorded, and a span costs nothing but a call.</param>
    public Timeline(string? path) => _file = path is null ? null : new StreamWriter(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite));

    /// <summary>Records nothing.</summary>
    public static Timeline Off { get; } = new(null);

    public bool IsOn => _file is not null;

    /// <summary>Now, in microseconds of the monotonic clock.</summary>
    public static double Now => Stopwatch.GetTimestamp() * 1e6 / Stopwatch.Frequency;

    /// <summary>A span that ends when it is disposed; for <c>using</c>.</summary>
    /// <param name="name">The phase: "backward", "all_reduce".</param>
    /// <param name="step">The step it belongs to; -1: none.</param>
    public TimelineSpan Span(string name, long step = -1) => IsOn ? new TimelineSpan(this, name, step, Now, ThreadTime.Microseconds(), Environment.CurrentManagedThreadId) : default;

    /// <param name="began">As <see cref="Now"/> was.</param>
    /// <param name="processor">Microseconds of processor time; null: not known.</param>
    /// <param name="row">Spans of one row lie in each other or apart; what runs beside them has a row of its own (the format's thread).</param>
    /// <param name="values">Numbers that the span carries.</param>
    public void Add(string name, long step, double began, double ended, double? processor = null, int row = 0, params ReadOnlySpan<(string Name, double Value)> values)
    {
        if (!IsOn)
        {
            return;
        }

        var tdur = processor is { } busy ? string.Create(CultureInfo.InvariantCulture, $"\"tdur\":{busy:0.###},") : "";
        var more = "";
        foreach (var (key, value) in values)
        {
            more += string.Create(CultureInfo.InvariantCulture, $",{JsonSerializer.Serialize(key)}:{value:0.######}");
        }

        lock (_lock)
        {
            _lines.Append(CultureInfo.InvariantCulture,
                $"{{\"name\":{JsonSerializer.Serialize(name)},\"ph\":\"X\",\"ts\":{began:0.###},\"dur\":{Math.Max(0, ended - began):0.###},{tdur}\"pid\":{Environment.ProcessId},\"tid\":{row},\"args\":{{\"step\":{step}{more}}}}}\n");
        }
    }

    /// <summary>Writes what has been recorded. A disk that does not take it ends nothing: the trace then has a gap.</summary>
    public void Flush()
    {
        lock (_lock)
        {
            try
            {
                _file?.Write(_lines);
                _file?.Flush();
            }
            catch (Exception error) when (error is IOException or ObjectDisposedException)
            {
            }

            _lines.Clear();
        }
    }

    public void Dispose()
    {
        Flush();
        try
        {
            _file?.Dispose();
        }
        catch (IOException)
        {
        }
    }
}

/// <summary>A span under way; the default one records nothing.</summary>
public readonly record struct TimelineSpan(Timeline? Timeline, string Name, long Step, double Began, double Processor, int Thread) : IDisposable
{
    public void Dispose() => Timeline?.Add(Name, Step, Began, Timeline.Now, Thread == Environment.CurrentManagedThreadId ? ThreadTime.Microseconds() - Processor : null);
}
