using System.Text.Json;
using Orchestrator.Core;
using Orchestrator.Host.Traces;

namespace Orchestrator.Tests.Host.Traces;

public sealed class TraceFolderTests
{
    [Fact]
    public void Timelines_of_two_processes_make_one_trace_and_a_line_that_was_cut_off_is_left_out()
    {
        using var folder = TraceFolder.Create();
        using (var timeline = new Timeline(Path.Combine(folder.Path, "worker-0.jsonl")))
        {
            timeline.Add("back\"ward", 3, 1000, 2500, 700, 0, ("cpu_seconds", 1.5));
            using (timeline.Span("all_reduce", 3))
            {
            }
        }

        File.WriteAllText(Path.Combine(folder.Path, "worker-1.jsonl"), "{\"name\":\"a\",\"ph\":\"X\",\"ts\":5,\"dur\":2,\"pid\":77,\"tid\":0,\"args\":{\"step\":0}}\n{\"name\":\"b\",\"ph\":\"X\",\"ts\":5,\"du");
        var target = Path.Combine(folder.Path, "trace.json");
        folder.WriteTrace(target);
        using var json = JsonDocument.Parse(File.ReadAllText(target));
        var events = json.RootElement.EnumerateArray().ToArray();
        Assert.Equal(["process_name", "back\"ward", "all_reduce", "process_name", "a"], events.Select(found => found.GetProperty("name").GetString()));
        Assert.Equal("worker-1", events[3].GetProperty("args").GetProperty("name").GetString());
        Assert.Equal(700, events[1].GetProperty("tdur").GetDouble());
        Assert.Equal((1000, 1500, 1.5), (events[1].GetProperty("ts").GetDouble(), events[1].GetProperty("dur").GetDouble(), events[1].GetProperty("args").GetProperty("cpu_seconds").GetDouble()));
    }

    [Fact]
    public void A_timeline_that_is_off_records_nothing_and_writes_nowhere()
    {
        using (Timeline.Off.Span("backward"))
        {
            Timeline.Off.Add("step", 0, 0, 1);
        }

        Timeline.Off.Flush();
        Assert.False(Timeline.Off.IsOn);
        Assert.Equal(default, Timeline.Off.Span("backward"));
    }
}
