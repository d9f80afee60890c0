using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Training.Checkpoints;
using Orchestrator.Training.Models;
using Orchestrator.Training.Objectives;
using Orchestrator.Training.Optimizers;

namespace Orchestrator.Training.Steps;

/// <summary>What a replica is put together from. It is made and disposed on the replica's device thread.</summary>
internal sealed record ReplicaParts : IDisposable
{
    public required Job Job { get; init; }

    public required ReplicaOptions Options { get; init; }

    public required IBufferProvider Memory { get; init; }

    /// <summary>Directory that the policy came from: what is saved has its names, types and side files.</summary>
    public required string ModelDirectory { get; init; }

    public required CausalLM Policy { get; init; }

    public required TrainStep Step { get; init; }

    public required FlatState State { get; init; }

    public required FlatOptimizer Optimizer { get; init; }

    public required GradientSlots Slots { get; init; }

    public required BatchPlan Plan { get; init; }

    /// <summary>The rows of each step's leaves.</summary>
    public required StepRows Rows { get; init; }

    /// <summary>null where the reference's values are computed live, or there is none.</summary>
    public ReferenceLogps? Remembered { get; init; }

    public required Schedule Schedule { get; init; }

    public required Timeline Timeline { get; init; }

    /// <summary>"train" and the evaluation sets, by name.</summary>
    public required ImmutableDictionary<string, PairSet> Sets { get; init; }

    public PairSet Train => Sets[PairSet.Train];

    /// <exception cref="ArgumentException">The job has no such set.</exception>
    public (PairSet Set, int PairsPerLeaf) EvaluationSet(string name) =>
        Job.EvaluationSets.FirstOrDefault(set => set.Name == name) is { } set
            ? (Sets[name], set.PairsPerLeaf)
            : throw new ArgumentException($"There is no evaluation set {name}; there are [{string.Join(", ", Job.EvaluationSets.Select(known => known.Name))}].", nameof(name));

    /// <summary>What the plan and the data say of a step.</summary>
    public StepView ViewOf(long step)
    {
        var (chosen, rejected) = (0L, 0L);
        foreach (var row in Rows.Of(step))
        {
            var pair = Train.Pairs[row];
            (chosen, rejected) = (chosen + pair.Chosen.Length, rejected + pair.Rejected.Length);
        }

        return new StepView(Plan.PairsInStep(step), chosen, rejected);
    }

    /// <summary>By what the sums of a step are divided.</summary>
    public double NormalizerOf(StepView step) => Step.Objective.Needs.Normalizer == Normalizer.CompletionTokens ? step.ChosenTokens : step.Pairs;

    public TrainerState Describe(long term, long step, ulong digest) => new()
    {
        RunId = Job.RunId,
        Term = term,
        GlobalStep = step,
        Seed = Job.Plan.Seed,
        StateDigest = TrainerState.Hex(digest),
        Optimizer = Optimizer.Rule.Name,
        LearningRate = Schedule.RateAt(step),
        Epoch = Plan.EpochAt(step),
    };

    public void Dispose()
    {
        Step.Dispose();
        Policy.Dispose();
        Slots.Dispose();
        State.Dispose();
        foreach (var set in Sets.Values)
        {
            set.Pairs.Dispose();
        }
    }
}
