using Orchestrator.Cluster;
using Orchestrator.Host.Runs;

namespace Orchestrator.Tests.Host.Runs;

public sealed class RunRecordsTests : IDisposable
{
    private readonly OutputDirectory _output = new(Directory.CreateTempSubdirectory("records-").FullName);

    public void Dispose() => Directory.Delete(_output.Path, recursive: true);

    [Fact]
    public void Two_coordinators_one_after_the_other_leave_the_records_of_one()
    {
        using (var alone = new RunRecords(_output, every: 1, tensorBoard: false, [], start: 0))
        {
            Tell(alone, 1, 2, 3, 4);
        }

        var undisturbed = File.ReadAllText(_output.Metrics);
        File.Delete(_output.Metrics);
        File.Delete(_output.Events);

        using var first = new RunRecords(_output, every: 1, tensorBoard: false, [], start: 0);
        Tell(first, 1, 2);
        using var second = new RunRecords(_output, every: 1, tensorBoard: false, [], start: null);
        Tell(second, 2, 3);    // 2 is told again: the first may have died before it told it
        Tell(first, 3);        // it was stopped, wakes, and does not know yet
        Tell(second, 4);
        Assert.Equal(undisturbed, File.ReadAllText(_output.Metrics));
        Assert.Equal(4, File.ReadAllLines(_output.Events).Count(line => line.Contains("step_committed", StringComparison.Ordinal)));
    }

    [Fact]
    public void Who_only_stands_by_touches_nothing()
    {
        File.WriteAllText(_output.Events, "another's");
        using var records = new RunRecords(_output, every: 1, tensorBoard: false, [], start: null);
        records.On(new Listening("a:1", "a:2"));
        Assert.Equal("another's", File.ReadAllText(_output.Events));
        Assert.False(File.Exists(_output.Metrics));
    }

    [Fact]
    public void A_line_that_its_writer_did_not_finish_goes()
    {
        using (var first = new RunRecords(_output, every: 1, tensorBoard: false, [], start: 0))
        {
            Tell(first, 1, 2);
        }

        File.AppendAllText(_output.Events, "{\"time\":");
        File.AppendAllText(_output.Metrics, "{\"step\":3,\"lo");
        using (var second = new RunRecords(_output, every: 1, tensorBoard: false, [], start: null))
        {
            Tell(second, 3);
        }

        Assert.Equal([1, 2, 3], File.ReadAllLines(_output.Metrics).Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("step").GetInt32()));
        Assert.Equal(3, File.ReadAllLines(_output.Events).Length);
    }

    private static void Tell(RunRecords records, params long[] steps)
    {
        foreach (var step in steps)
        {
            records.On(RunEvents.Step(step));
        }
    }
}
