using Orchestrator.Cluster;

namespace Orchestrator.Tests.Cluster.Protocol;

/// <summary>Many seeds over the pure protocol: one history, every step once, every run ends.</summary>
public sealed class ProtocolModelTests
{
    private const int Steps = 6;

    [Fact]
    public void A_run_ends_over_a_network_that_loses_doubles_and_reorders() => Each(100, model => { });

    [Fact]
    public void A_run_survives_workers_that_are_killed_and_others_that_join() => Each(200, model =>
    {
        for (var i = 0; i < 1 + model.Next(3); i++)
        {
            var name = $"n{i}";
            model.After(model.Next(3000), () => model.AddWorker(name));
            model.After(model.Next(3000), () =>
            {
                var living = model.Workers.ToList();
                if (living.Count > 1)
                {
                    model.KillWorker(living[model.Next(living.Count)]);
                }
            });
        }
    });

    [Fact]
    public void A_run_survives_the_loss_of_coordinators_even_where_two_believe_to_be_the_one() => Each(200, model =>
    {
        var at = 500 + model.Next(2500);
        model.After(at, () => model.AddCoordinator("c2"));
        model.After(at + model.Next(3000) - 1000, () => model.KillCoordinator("c1"));
        model.After(at + 4000, () => model.AddCoordinator("c3"));
        model.After(at + 3000 + model.Next(2000), () => model.KillCoordinator("c2"));
    });

    [Fact]
    public void A_run_survives_everything_at_once() => Each(200, model =>
    {
        for (var i = 0; i < 4; i++)
        {
            var name = $"n{i}";
            model.After(model.Next(4000), () => model.AddWorker(name));
            model.After(model.Next(4000), () => model.KillWorker(model.Workers.ElementAtOrDefault(model.Next(3)) ?? ""));
        }

        model.After(model.Next(3000), () => model.KillCoordinator("c1"));
        model.After(4000, () => model.AddCoordinator("c2"));
    });

    private static void Each(int seeds, Action<ProtocolModel> faults)
    {
        seeds = int.TryParse(Environment.GetEnvironmentVariable("ORCHESTRATOR_SEEDS"), out var wanted) ? wanted : seeds;
        for (var seed = 0; seed < seeds; seed++)
        {
            var model = new ProtocolModel(seed, Steps);
            try
            {
                foreach (var worker in new[] { "a", "b", "c" })
                {
                    model.AddWorker(worker);
                }

                model.AddCoordinator("c1");
                faults(model);
                model.Run(seconds: 400);
                Assert.NotNull(model.Outcome);
                Assert.True(model.Outcome.End == RunEnd.Completed || model.Outcome.Reason.StartsWith("All workers are lost", StringComparison.Ordinal), model.Outcome.Reason);
                Assert.True(model.Outcome.End != RunEnd.Completed || model.History.ContainsKey(Steps));
                Assert.All(model.Committed.Where(c => c.Step.Seconds > 0), c => Assert.Equal(8, c.Step.Metrics[0].Weight));   // every leaf once; 0: taken over
                Assert.All(model.Committed.GroupBy(c => (c.Coordinator, c.Step.Step)), step => Assert.Single(step));
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"Seed {seed}: {error.Message}\n{string.Join('\n', model.Trace.TakeLast(60))}", error);
            }
        }
    }
}
