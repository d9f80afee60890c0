using Orchestrator.Cluster;
using Orchestrator.Host.Screen;
using Spectre.Console.Testing;

namespace Orchestrator.Tests.Host.Screen;

public sealed class RunScreenTests
{
    [Fact]
    public void A_step_shows_where_it_stands_and_how_long_it_goes_on() => Assert.Equal(
        "step 5/10  loss 0.5000  accuracy 0.75  margin 0.0500  4.0 pairs/s  0:10 left\n",
        Shown(terminal: false, 1, RunEvents.Step(5)));

    [Fact]
    public void Without_a_terminal_only_logged_steps_are_lines() => Assert.Equal(
        ["step 4/10", "step 8/10", "step 10/10"],
        Shown(terminal: false, 4, [.. Enumerable.Range(1, 10).Select(step => RunEvents.Step(step))]).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split("  ")[0]));

    [Fact]
    public void On_a_terminal_the_step_is_one_line_that_gives_way_to_what_stays()
    {
        var shown = Shown(terminal: true, 1, RunEvents.Step(1), RunEvents.Step(2), new Warning("the disk is nearly full."));
        Assert.Equal(["step 1/10", "step 2/10", "WARNING: the disk is nearly full.\n"], shown.Split("\r\u001b[2K", StringSplitOptions.RemoveEmptyEntries).Select(part => part.Split("  ")[0]));
    }

    [Fact]
    public void A_change_of_membership_is_one_line_with_its_cost() => Assert.Equal(
        "worker-1 was lost. (1.5 s, 4 leaves anew). In now: worker-0.\n",
        Shown(terminal: false, 1, new MembershipChanged("worker-1 was lost.", 1, 3, 7, 1.5, 4, ["worker-0"])));

    [Fact]
    public void The_table_at_the_end_holds_first_and_last_numbers()
    {
        var summary = new RunSummary();
        foreach (var happened in new RunEvent[] { new Evaluated(0, "eval", RunEvents.Metrics(0.7), 1), RunEvents.Step(1, 0.6), RunEvents.Step(2, 0.4), new Evaluated(2, "eval", RunEvents.Metrics(0.3), 1) })
        {
            summary.On(happened);
        }

        using var console = new TestConsole();
        summary.Show(console);
        Assert.Matches(@"held-out pairs \(eval\): loss\s+0\.7000\s+0\.3000", console.Output);
        Assert.Matches(@"training pairs: loss\s+0\.6000\s+0\.4000", console.Output);
        Assert.Contains("16 pairs in 0:04 of steps: 4.0 pairs/s.", console.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void An_observer_that_fails_is_left_out_and_the_others_go_on()
    {
        var (seen, told) = (0, new List<string>());
        var observers = new Observers([new ObserverAction(_ => throw new IOException("No space left on device")), new ObserverAction(_ => seen++)], told.Add);
        observers.On(RunEvents.Step(1));
        observers.On(RunEvents.Step(2));
        Assert.Equal(2, seen);
        Assert.Contains("No space left on device", Assert.Single(told), StringComparison.Ordinal);
    }

    private static string Shown(bool terminal, int loggingSteps, params RunEvent[] events)
    {
        using var writer = new StringWriter { NewLine = "\n" };
        var screen = new RunScreen(new ProgressLine(writer, terminal, () => 200), loggingSteps);
        foreach (var happened in events)
        {
            screen.On(happened);
        }

        return writer.ToString();
    }
}
