using System.Collections.Immutable;
using Orchestrator.Cluster;
using Orchestrator.Cluster.Protocol;
using Orchestrator.Core;

namespace Orchestrator.Tests.Cluster.Simulation;

internal enum FaultKind
{
    CrashWorker,
    StopWorker,
    JoinWorker,
    LeaveWorker,
    SlowWorker,
    FailWork,
    CorruptGradient,
    FlipLeaf,
    CutControl,
    CutData,
    IsolateWorker,
    CrashCoordinator,
    StopCoordinator,
    HandOver,
    SecondCoordinator,
    SplitControl,
    StopRun,
}

/// <param name="At">When it strikes.</param>
/// <param name="Target">Which worker, counted over those that live then.</param>
/// <param name="For">How long it lasts, or until a replacement comes.</param>
internal readonly record struct Fault(TimeSpan At, FaultKind Kind, int Target, TimeSpan For);

/// <summary>What a seed stands for: a small run, a network and the faults that befall it. Everything else is decided by the same seed on the way.</summary>
internal sealed record Scenario
{
    private static readonly ImmutableArray<FaultKind> Kinds =
    [
        FaultKind.CrashWorker, FaultKind.CrashWorker, FaultKind.CrashWorker, FaultKind.StopWorker, FaultKind.JoinWorker, FaultKind.JoinWorker, FaultKind.LeaveWorker,
        FaultKind.SlowWorker, FaultKind.FailWork, FaultKind.CorruptGradient, FaultKind.CorruptGradient, FaultKind.FlipLeaf, FaultKind.CutControl, FaultKind.CutData,
        FaultKind.IsolateWorker, FaultKind.CrashCoordinator, FaultKind.CrashCoordinator, FaultKind.StopCoordinator, FaultKind.HandOver, FaultKind.SecondCoordinator,
        FaultKind.SecondCoordinator, FaultKind.SplitControl, FaultKind.StopRun,
    ];

    public required long Seed { get; init; }

    public int Workers { get; init; }

    public int ControlNodes { get; init; }

    public int Leaves { get; init; }

    public required RunRules Rules { get; init; }

    public ImmutableArray<Fault> Faults { get; init; }

    /// <summary>From now on nothing new goes wrong.</summary>
    public TimeSpan CalmFrom { get; init; }

    /// <summary>Shares of messages that are lost, doubled, or late by up to <see cref="Late"/>.</summary>
    public double Lost { get; init; }

    public double Doubled { get; init; }

    public double Delayed { get; init; }

    public TimeSpan Late { get; init; }

    /// <summary>Share of state transfers that arrive damaged, and of checkpoints that cannot be written.</summary>
    public double Damaged { get; init; }

    /// <summary>A leaf that is never finite, whoever computes it: (step, leaf).</summary>
    public (long Step, int Leaf)? BadLeaf { get; init; }

    /// <summary>The first worker never fails, there are control nodes enough, and nobody asks the run to stop: it must complete.</summary>
    public bool MustComplete { get; init; }

    public static Scenario Of(long seed)
    {
        var dice = new Dice(seed);
        var (workers, leaves, steps) = (dice.Between(1, 4), dice.Between(1, 5), dice.Between(1, 4));
        var (rough, mild) = (dice.Chance(0.4), dice.Chance(0.5));
        var faults = DrawAll(dice, mild);
        var bad = dice.Chance(0.05) ? (dice.Of(steps), dice.Of(leaves)) : ((long, int)?)null;
        var rules = WithSelection(RulesOf(dice, workers, leaves, steps), new Dice(seed ^ 0x5E1EC7));
        return new Scenario
        {
            Seed = seed,
            Workers = workers,
            ControlNodes = mild ? 2 + 2 * faults.Count(f => f.Kind is >= FaultKind.CrashCoordinator and < FaultKind.StopRun) : dice.Between(1, 3),
            Leaves = leaves,
            Rules = rules,
            MustComplete = mild && (bad is null || rules.NonFinite == NonFinitePolicy.Skip),
            Faults = faults,
            CalmFrom = faults.Select(f => f.At + f.For).DefaultIfEmpty().Max() + TimeSpan.FromSeconds(1),
            Lost = rough ? dice.Pick([0, 0.02, 0.1]) : 0,
            Doubled = rough ? dice.Pick([0, 0.05, 0.2]) : 0,
            Delayed = dice.Pick([0, 0.02, 0.1]),
            Late = dice.Milliseconds(50, 3000),
            Damaged = dice.Pick([0, 0, 0.3]),
            BadLeaf = bad,
        };
    }

    public override string ToString() =>
        $"{Workers} workers, {ControlNodes} control nodes, {Rules.Steps} steps of {Leaves} leaves, {Rules.NonFinite} on non-finite; bad leaf {BadLeaf?.ToString() ?? "none"}; "
        + $"lost {Lost}, doubled {Doubled}, delayed {Delayed} up to {Late.TotalSeconds:0.0} s, damaged {Damaged}; calm from {CalmFrom.TotalSeconds:0.00} s\n"
        + string.Join('\n', Faults.OrderBy(f => f.At).Select(f => $"  {f.At.TotalSeconds,7:0.000} {f.Kind} {f.Target} for {f.For.TotalSeconds:0.0} s"));

    private static ImmutableArray<Fault> DrawAll(Dice dice, bool mild)
    {
        var faults = Enumerable.Range(0, dice.Pick([0, 1, 1, 2, 2, 3, 4])).Select(_ => Draw(dice)).Where(f => !(mild && f.Kind == FaultKind.StopRun)).ToList();
        var flips = faults.Where(f => f.Kind == FaultKind.FlipLeaf).Skip(1).ToList();   // a second one could spoil the second try, which counts as lasting
        return [.. faults.Except(flips)];
    }

    private static Fault Draw(Dice dice) => new(
        dice.Milliseconds(0, dice.Pick([300, 800, 800, 1500, 4000])), dice.Pick(Kinds), dice.Of(8), dice.Milliseconds(10, dice.Pick([200, 1500, 12000])));

    private static RunRules WithSelection(RunRules rules, Dice dice) => rules.Sets.IsEmpty || rules.EvalEverySteps == 0 || dice.Chance(0.3) ? rules : rules with
    {
        Sets = [rules.Sets[0] with { Samples = dice.Between(0, 2) }],
        Selection = new SelectionRules("eval", "quality", dice.Chance(0.5), dice.Chance(0.8) ? dice.Between(1, 2) : null, dice.Pick([0, 0, 2])),
    };

    private static RunRules RulesOf(Dice dice, int workers, int leaves, int steps) => new()
    {
        RunId = "run",
        Plan = new BatchPlan(1, leaves * 2, leaves * 2, 2, maxSteps: steps),
        Sets = dice.Chance(0.25) ? [new EvaluationSet("eval", dice.Between(1, 4), 1)] : [],
        Reference = leaves % 3 == 2 ? new ReferencePlan(5, 2) : null,
        Workers = workers,
        HostId = "host0",
        SaveEverySteps = dice.Pick([0, 0, 1, 2]),
        EvalEverySteps = dice.Pick([0, 1, 2]),
        EvalFirst = dice.Chance(0.5),
        EvalLast = dice.Chance(0.5),
        NonFinite = dice.Chance(0.5) ? NonFinitePolicy.Skip : NonFinitePolicy.Stop,
        Deadlines = new Deadlines { Work = TimeSpan.FromSeconds(30) },
    };
}
