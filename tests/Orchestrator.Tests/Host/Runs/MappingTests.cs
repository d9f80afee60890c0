using Orchestrator.Cluster;
using Orchestrator.Host.RunFile;
using Orchestrator.Host.Runs;
using Orchestrator.Tests.Host.RunFile;
using Orchestrator.Training;
using Orchestrator.Training.Data;
using Orchestrator.Training.Objectives;
using Orchestrator.Training.Optimizers;

namespace Orchestrator.Tests.Host.Runs;

public sealed class MappingTests : IDisposable
{
    private readonly RunFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_run_files_defaults_are_the_rooms_own()
    {
        var settings = _folder.Read(RunFolder.Sound);
        Assert.Equivalent(new ObjectiveOptions(), Mapping.Objective(settings));
        Assert.Equal(new OptimizerOptions(), Mapping.Optimizer(settings));
        Assert.Equal(new ScheduleOptions(), Mapping.Schedule(settings));
        Assert.Equal(new Deadlines(), Mapping.Deadlines(settings));
        Assert.Equivalent(new ReplicaOptions(), Mapping.Replica(settings, "cpu", null));
        Assert.Equivalent(new DataOptions { VocabularySize = 5 }, Mapping.Data(settings, 5));
    }

    [Fact]
    public void Every_key_of_objective_and_training_reaches_its_room()
    {
        var settings = _folder.Read(RunFolder.Sound);
        foreach (var key in Keys.All.Where(key => key.Section is "objective" or "training"))
        {
            var changed = Changed(settings, key);
            Assert.False(Same(settings, changed), $"{key.Dotted} changes nothing");
        }
    }

    private static bool Same(Settings one, Settings other) => All(one) == All(other);

    private static string All(Settings settings) => System.Text.Json.JsonSerializer.Serialize(new
    {
        Replica = Mapping.Replica(settings, "cpu", null),
        Plan = Mapping.Plan(settings, 100),
    });

    // A value that is not the default, whatever the key's type.
    private static Settings Changed(Settings settings, Key key) => settings with
    {
        Values = settings.Values.SetItem(key, key.DefaultValue switch
        {
            bool flag => !flag,
            int number => number + 1,
            double number => number / 2 + 0.01,
            string text => text + "x",
            System.Collections.Immutable.ImmutableArray<string> => System.Collections.Immutable.ImmutableArray.Create("x"),
            System.Collections.Immutable.ImmutableArray<double> => System.Collections.Immutable.ImmutableArray.Create(0.5),
            null when key is Key<int?> => 3,
            null when key is Key<double?> => 0.25,
            var other => throw new InvalidOperationException($"{key.Dotted}: no other value for {other}"),
        }),
    };
}
