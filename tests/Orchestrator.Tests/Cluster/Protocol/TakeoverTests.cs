using Orchestrator.Cluster;
using Orchestrator.Cluster.Messages;
using Orchestrator.Cluster.Protocol;
using Orchestrator.Core;
using StepId = Orchestrator.Core.StepId;

namespace Orchestrator.Tests.Cluster.Protocol;

/// <summary>What a coordinator does that comes after one that died.</summary>
public sealed class TakeoverTests
{
    private static readonly StepId Third = new(1, 1, 2, 0);

    private readonly RunRules _rules = new()
    {
        RunId = "r",
        Plan = new PlanOptions(7, 64, 4, 2, MaxSteps: 10).ToPlan(),   // 2 leaves a step
        Workers = 2,
    };

    private readonly List<CoordinatorEffect> _effects = [];
    private CoordinatorState _state;

    public TakeoverTests()
    {
        _state = CoordinatorState.Start("second", _rules, TimeSpan.Zero) with { Term = 2 };
        Hear(new WorkerSeen("a#1"));
        Hear(new WorkerSeen("b#1"));
    }

    [Fact]
    public void A_step_that_was_applied_is_told_again_with_the_metrics_of_all_its_leaves()
    {
        Answer("a#1", leaf: 0, loss: 1.5);
        Answer("b#1", leaf: 1, loss: 2.25);
        var told = Assert.Single(_effects.OfType<Publish>().Select(publish => publish.Event).OfType<StepCommitted>());
        Assert.Equal((3L, Third, true, 4), (told.Step, told.Id, told.Retold, told.Pairs));
        Assert.Equal(3.75, told.Metrics[0].Sum);
    }

    [Fact]
    public void Who_computes_otherwise_is_named()
    {
        Answer("a#1", leaf: 0, loss: 1, compute: "libtorch 2.7, avx2");
        Answer("b#1", leaf: 1, loss: 1, compute: "libtorch 2.7, avx512");
        var warning = Assert.Single(_effects.OfType<Publish>().Select(publish => publish.Event).OfType<Warning>());
        Assert.Contains("b#1 computes with libtorch 2.7, avx512, and a#1 with libtorch 2.7, avx2", warning.Message, StringComparison.Ordinal);
    }

    private void Answer(string worker, int leaf, double loss, string compute = "")
    {
        var vote = new Prepared { Id = Third, GradientDigest = 9, Finite = true, Applied = true, Sums = Sums.Of([new LeafSums(leaf, [new MetricSum("loss", loss, 2)])]) };
        Hear(new AnswerHeard(worker, vote));
        Hear(new AnswerHeard(worker, new Here
        {
            Term = 2,
            Coordinator = "second",
            Name = worker,
            Endpoint = $"{worker[0]}:1|h|1",
            RunId = "r",
            Ready = true,
            Doing = "idle",
            Applied = 3,
            StateDigest = 5,
            AppliedId = Third,
            AppliedGradient = 9,
            GroupTerm = 1,
            GroupGeneration = 1,
            Compute = compute,
        }));
    }

    private void Hear(CoordinatorInput input)
    {
        var decision = CoordinatorProtocol.Decide(_state, input, TimeSpan.FromSeconds(1), _rules);
        _state = decision.State;
        _effects.AddRange(decision.Effects);
    }
}
