using System.Diagnostics;
using System.Globalization;
using Orchestrator.Core;

namespace Orchestrator.Training.Steps;

/// <summary>
/// A replica's steps on a timeline: "step" from when it is asked to compute until it has applied, and between its phases the waiting for others,
/// "wait_commit", and for the next step, "wait_step". "step" carries the process's processor seconds and its memory so far.
/// </summary>
internal sealed class ReplicaTimeline(Timeline timeline)
{
    private long _step = -1;
    private double _began;
    private double _staged;
    private double _ended;

    public TimelineSpan Span(string phase) => timeline.Span(phase, _step);

    /// <summary>A step is asked for, perhaps once more.</summary>
    public void Begin(long step)
    {
        if (timeline.IsOn)
        {
            (_step, _began) = (step, Timeline.Now);
            if (_ended > 0)
            {
                timeline.Add("wait_step", step, _ended, _began);
                _ended = 0;
            }
        }
    }

    public void Staged() => _staged = timeline.IsOn ? Timeline.Now : 0;

    public void Committed()
    {
        if (timeline.IsOn)
        {
            timeline.Add("wait_commit", _step, _staged, Timeline.Now);
        }
    }

    public void End()
    {
        if (timeline.IsOn)
        {
            _ended = Timeline.Now;
            using var self = Process.GetCurrentProcess();
            timeline.Add("step", _step, _began, _ended, null, 0, ("cpu_seconds", self.TotalProcessorTime.TotalSeconds), ("peak_mb", ProcessMemory.PeakMegabytes()));
            timeline.Flush();
        }
    }
}

/// <summary>What the kernel says of this process's memory.</summary>
internal static class ProcessMemory
{
    /// <summary>Largest resident set so far (VmHWM), in units of 1,048,576 bytes; 0 where the kernel does not say.</summary>
    public static double PeakMegabytes()
    {
        const string Status = "/proc/self/status";
        const string Field = "VmHWM:";
        var line = File.Exists(Status) ? File.ReadLines(Status).FirstOrDefault(line => line.StartsWith(Field, StringComparison.Ordinal)) : null;
        return line is null ? 0 : double.Parse(line[Field.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) / 1024;
    }
}
