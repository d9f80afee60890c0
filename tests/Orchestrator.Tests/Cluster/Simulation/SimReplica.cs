using Orchestrator.Cluster;
using StepId = Orchestrator.Core.StepId;

namespace Orchestrator.Tests.Cluster.Simulation;

/// <summary>What the reduction of a step gave one rank.</summary>
/// <param name="Counted">Bit i: leaf i is in it.</param>
/// <param name="CountedTwice">Some leaf is in it more than once.</param>
/// <param name="Digest">Of its bytes: the wrapping sum of the leaves' values.</param>
internal sealed record Gradient(ulong Counted, bool CountedTwice, ulong Digest, bool Finite);

/// <summary>
/// A replica whose weights are one number: the chain of all gradients it has applied. What the number has to be after s steps is known,
/// so that any leaf left out, counted twice or computed on other weights shows at once.
/// </summary>
internal sealed class SimReplica(World world, string owner)
{
    private ulong _held;
    private ulong _bad;
    private long _heldOf = -1;

    public long Applied { get; private set; } = world.Scenario.Rules.StartStep;

    public ulong Weights { get; private set; } = Truth.Initial;

    /// <summary>False while its state is half another's.</summary>
    public bool Whole { get; private set; } = true;

    public (StepId Id, Gradient Gradient)? Staged { get; private set; }

    /// <summary>Begins a try at a step: the leaves whose sums are held from an earlier try need no work.</summary>
    /// <returns>Leaves to compute.</returns>
    public int Begin(StepId id, ulong leaves)
    {
        if (id.Step != Applied || !Whole)
        {
            throw new Violation($"{owner} shall compute {id}, and is at step {Applied}{(Whole ? "" : " with half a state")}");
        }

        if (_heldOf != id.Step)
        {
            (_heldOf, _held, _bad) = (id.Step, 0, 0);
        }

        Staged = null;
        return System.Numerics.BitOperations.PopCount(leaves & ~(_held & ~_bad));
    }

    /// <summary>Computes what is not held; a flipped bit spoils one of these leaves.</summary>
    /// <returns>Which of the leaves are not finite.</returns>
    public ulong Compute(ulong leaves, bool flip)
    {
        var fresh = leaves & ~(_held & ~_bad);
        _bad &= ~fresh;
        _bad |= flip ? fresh & (~fresh + 1) : 0;
        _bad |= fresh & world.Truth.BadLeaves(Applied);
        _held |= fresh;
        return _bad & leaves;
    }

    public void Stage(StepId id, Gradient gradient) => Staged = (id, gradient);

    public void Apply(StepId id)
    {
        if (Staged is not { } staged || staged.Id != id || id.Step != Applied)
        {
            throw new Violation($"I3: {owner} shall apply {id}; it is at step {Applied}, and {(Staged is null ? "nothing" : Staged.Value.Id.ToString())} is staged");
        }

        world.Ledger.Applies(owner, id, staged.Gradient);
        Weights = Truth.Chain(Weights, staged.Gradient.Finite ? staged.Gradient.Digest : 0, id.Step);
        (Applied, Staged) = (id.Step + 1, null);
    }

    /// <summary>From now on its state is neither its own nor another's.</summary>
    public void Spoil() => (Whole, Staged, _heldOf) = (false, null, -1);

    public void Adopt(long applied, ulong weights) => (Whole, Applied, Weights, Staged, _heldOf) = (true, applied, weights, null, -1);
}

/// <summary>What every replica has to hold, worked out beforehand: a function of the step alone.</summary>
internal sealed class Truth(Scenario scenario)
{
    public const ulong Initial = 0x1234_5678_9ABC_DEF0;

    private readonly ulong[] _weights = Weights(scenario);
    private readonly Dictionary<long, EvaluationHistory> _seen = [];
    private long? _lastStep;

    public ulong AllLeaves { get; } = (1UL << scenario.Leaves) - 1;

    public ulong WeightsAfter(long step) => _weights[step];

    /// <summary>Steps of the whole run: fewer than planned where it is to end early.</summary>
    public long LastStep => _lastStep ??= Evaluate();

    /// <summary>The best step of those evaluated up to this one.</summary>
    public EvaluationHistory SeenAt(long step) => LastStep >= step ? _seen[step] : throw new Violation($"nobody should come to step {step}: the run ends after {LastStep}");

    /// <summary>What a leaf of the evaluation set adds to the set's quality: whole numbers, so that sums are exact.</summary>
    public static double Quality(ulong weights, int leaf) => Mix(weights ^ (ulong)leaf) % 8;

    public ulong BadLeaves(long step) => scenario.BadLeaf is { } bad && bad.Step == step ? 1UL << bad.Leaf : 0;

    /// <summary>Value of one leaf's gradient on these weights.</summary>
    public static ulong Leaf(ulong weights, long step, int leaf) => Mix(weights ^ Mix((ulong)(step * 64 + leaf + 1)));

    public static ulong Chain(ulong weights, ulong gradient, long step) => Mix(weights + Mix(gradient + (ulong)step));

    private long Evaluate()
    {
        var (rules, seen) = (scenario.Rules, EvaluationHistory.Empty);
        for (var step = 0L; step <= rules.Steps; step++)
        {
            var due = step == 0 ? rules.EvalFirst : (step == rules.Steps && rules.EvalLast) || (rules.EvalEverySteps > 0 && step % rules.EvalEverySteps == 0);
            if (due && rules.Selection is { } selection)
            {
                seen = seen.With(step, Enumerable.Range(0, rules.Sets[0].Leaves).Sum(leaf => Quality(_weights[step], leaf)), selection);
            }

            _seen[step] = seen;
            if (seen.WhyStop(rules.Selection) is not null)
            {
                return step;
            }
        }

        return rules.Steps;
    }

    private static ulong[] Weights(Scenario scenario)
    {
        var weights = new ulong[scenario.Rules.Steps + 1];
        weights[0] = Initial;
        for (var step = 0L; step < scenario.Rules.Steps; step++)
        {
            var sum = 0UL;
            for (var leaf = 0; leaf < scenario.Leaves; leaf++)
            {
                sum += Leaf(weights[step], step, leaf);
            }

            var skipped = scenario.BadLeaf is { } bad && bad.Step == step;
            weights[step + 1] = Chain(weights[step], skipped ? 0 : sum, step);
        }

        return weights;
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
