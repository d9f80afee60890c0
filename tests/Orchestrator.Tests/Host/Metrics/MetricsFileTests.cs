using System.Collections.Immutable;
using System.Text.Json;
using Orchestrator.Cluster;
using Orchestrator.Host.Metrics;
using Orchestrator.Host.Runs;

namespace Orchestrator.Tests.Host.Metrics;

public sealed class MetricsFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("metrics-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_step_is_a_line_of_means_with_the_tokens_since_the_beginning() => Assert.Equal(
        [
            """{"step":1,"loss":0.5,"rewards/accuracies":0.75,"rewards/margins":0.05,"num_tokens":100}""",
            """{"step":2,"loss":0.25,"rewards/accuracies":0.75,"rewards/margins":0.05,"num_tokens":200}""",
        ],
        Lines(1, 0, RunEvents.Step(1), RunEvents.Step(2, 0.25)));

    [Fact]
    public void An_evaluation_has_its_sets_prefix() => Assert.Equal(
        [
            """{"step":3,"eval_loss":1,"eval_rewards/accuracies":0.75,"eval_rewards/margins":0.05,"eval_num_tokens":100}""",
            """{"step":3,"eval_ood_loss":1,"eval_ood_rewards/accuracies":0.75,"eval_ood_rewards/margins":0.05,"eval_ood_num_tokens":100}""",
        ],
        Lines(1, 0, new Evaluated(3, "eval", RunEvents.Metrics(1), 1), new Evaluated(3, "ood", RunEvents.Metrics(1), 1)));

    [Fact]
    public void Workers_and_time_leave_no_trace() =>
        Assert.Equal(Lines(1, 0, RunEvents.Step(1, workers: 1, seconds: 3)), Lines(1, 0, RunEvents.Step(1, workers: 4, seconds: 1)));

    [Fact]
    public void Between_logged_steps_tokens_are_still_counted_and_the_last_step_is_logged()
    {
        var lines = Lines(4, 1000, [.. Enumerable.Range(1, 10).Select(step => RunEvents.Step(step))]);
        Assert.Equal([(4, 1400), (8, 1800), (10, 2000)], lines.Select(line => JsonDocument.Parse(line).RootElement)
            .Select(line => (line.GetProperty("step").GetInt32(), line.GetProperty("num_tokens").GetInt32())));
    }

    // 8 pairs of mean loss 0.5, 8 of 0.25 and 4 of 1: (4 + 2 + 4) / 20 = 0.5; the mean of the three means would be 0.583.
    [Fact]
    public void A_logged_step_holds_the_means_over_all_pairs_since_the_last_one_and_the_newest_counters()
    {
        var last = RunEvents.Step(3, steps: 3) with { Metrics = [new("loss", 4, 4), new("rewards/accuracies", 1, 4), new("num_tokens", 50, 0), new("grad_norm", 7, 0)] };
        var line = Assert.Single(Lines(10, 0, RunEvents.Step(1, 0.5), RunEvents.Step(2, 0.25), last));
        Assert.Equal("""{"step":3,"loss":0.5,"rewards/accuracies":0.65,"num_tokens":250,"grad_norm":7}""", line);   // 6 + 6 + 1 of 20
    }

    [Fact]
    public void A_run_that_ends_early_logs_what_is_left()
    {
        var ended = new RunEnded(new RunOutcome(RunEnd.Completed, "Early stopping.", 3, null, null));
        Assert.Equal([2, 3], Lines(2, 0, RunEvents.Step(1), RunEvents.Step(2), RunEvents.Step(3), ended).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("step").GetInt32()));
        Assert.Single(Lines(2, 0, RunEvents.Step(1), RunEvents.Step(2), RunEvents.Step(3), ended with { Outcome = ended.Outcome with { End = RunEnd.Stopped } }));
    }

    [Fact]
    public void A_resumed_run_completes_the_window_that_was_under_way()
    {
        var (metrics, events) = (Path.Combine(_folder, "m"), Path.Combine(_folder, "e"));
        var steps = Enumerable.Range(1, 6).Select(step => RunEvents.Step(step, 1.0 / (step + 2))).ToArray();
        var undisturbed = Lines(3, 0, steps);
        using (var log = new MetricsLog(new MetricsFile(metrics), 3))
        using (var file = new EventsFile(events, sums: true))
        {
            foreach (var step in steps.Take(5).Append(steps[3]))   // step 4 a second time, after a hand-over
            {
                log.On(step);
                file.On(step);
            }
        }

        var unlogged = History.Unlogged(metrics, events, 5);
        Assert.Equal(steps[3..5].Select(step => step.Metrics), unlogged);
        using (var log = new MetricsLog(new MetricsFile(metrics), 3, 500, MetricsWindow.Of(unlogged)))
        {
            log.On(steps[5]);
        }

        Assert.Equal(undisturbed, File.ReadAllLines(metrics));
    }

    [Fact]
    public void An_evaluation_that_is_made_twice_is_logged_once() => Assert.Single(Lines(1, 0, new Evaluated(3, "eval", RunEvents.Metrics(1), 1), new Evaluated(3, "eval", RunEvents.Metrics(1), 1)));

    [Fact]
    public void A_number_that_json_lacks_is_null() => Assert.Contains("\"loss\":null", Assert.Single(Lines(1, 0, RunEvents.Step(1, double.NaN))), StringComparison.Ordinal);

    [Fact]
    public void An_event_says_when_what_and_at_what_cost()
    {
        var line = EventsFile.Line(new MembershipChanged("worker-1 was lost.", 1, 3, 7, 1.5, 4, ImmutableArray.Create("worker-0")) { Time = DateTimeOffset.UnixEpoch });
        Assert.Equal(
            """{"time":"1970-01-01T00:00:00.0000000+00:00","event":"membership_changed","what":"worker-1 was lost.","term":1,"generation":3,"step":7,"seconds":1.5,"recomputed_leaves":4,"members":["worker-0"]}""",
            line);
        Assert.Contains("\"event\":\"step_committed\",\"step\":1,\"term\":1", EventsFile.Line(RunEvents.Step(1)), StringComparison.Ordinal);
    }

    private string[] Lines(int every, double tokens, params RunEvent[] events)
    {
        var path = Path.Combine(_folder, Guid.NewGuid().ToString("N"));
        using (var file = new MetricsLog(new MetricsFile(path), every, tokens))
        {
            foreach (var happened in events)
            {
                file.On(happened);
            }
        }

        return File.ReadAllLines(path);
    }
}
