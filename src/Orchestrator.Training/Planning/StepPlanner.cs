using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;
using Orchestrator.Training.Objectives;
using Orchestrator.Training.Optimizers;

namespace Orchestrator.Training.Planning;

/// <summary>
/// Reckons a worker's memory and work from the model's description, the options and the lengths of the rows; loads no weights. Weights, gradients, states
/// and buffers are exact; activations follow what libtorch keeps; the program itself is a measured number.
/// </summary>
/// <param name="Spec">The policy's.</param>
/// <param name="Workers">Of the run; each is taken to be on this machine.</param>
public sealed record StepPlanner(DecoderSpec Spec, ReplicaOptions Options, int Workers)
{
    /// <summary>Resident bytes of a CPU worker before it has loaded anything: runtime, actors, sockets, libtorch. Measured.</summary>
    public const long ProgramBytes = 260L << 20;

    /// <summary>Free memory between the blocks of the C library's heap, as a share of activations: leaves of many sizes follow each other. Measured on whole steps.</summary>
    private const double HeapGaps = 0.35;

    /// <summary>What conversions between bf16 and fp32 between them add to it.</summary>
    private const double GapsOfConversions = 0.35;

    /// <summary>What a live reference's own passes between them add to it.</summary>
    private const double GapsOfReference = 0.25;

    private const int Float = 4;
    private const long ScratchBytes = 2L << 20;

    /// <summary>Where the reference is a model of its own kind; null: it has the policy's sizes.</summary>
    public DecoderSpec? Reference { get; init; }

    /// <summary>The reference's values are known before the first step, so that it is not in memory.</summary>
    public bool Precomputed { get; init; }

    /// <summary>An adapter that goes on: its projections and rank.</summary>
    public (ImmutableArray<string> Targets, int Rank)? Adapter { get; init; }

    /// <summary>What a step needs at these loads.</summary>
    /// <param name="plan">As the loads were formed.</param>
    public StepPlan Of(PlanOptions plan, RunLoads loads)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(loads);
        var (memory, largest) = (Activations, loads.Leaves.MaxBy(Needed));
        var leaves = Math.Min(plan.ToPlan().LeavesInStep(0), (plan.PairsPerStep + plan.PairsPerLeaf - 1) / plan.PairsPerLeaf);
        var flat = FlatBytes;
        var (slots, nodes) = Slots(leaves);
        var parts = ImmutableArray.Create<MemoryPart>(
            new("program", ProgramBytes, []),
            new("weights", WeightBytes(Spec) + (Adapted ? flat : 0), []),
            new("reference", ReferenceBytes, ["reference_logps: precompute", "lora_r"]),
            new("gradients", slots * flat, ["fewer leaves a worker (pairs_per_leaf, workers)", "reduction: sequential", "lora_r"]),
            new("optimizer", flat * States.Length, ["optim: sgd or rmsprop", "lora_r"]),
            new("activations", (long)((memory.Saved(largest, Options.GradientCheckpointing) + memory.Passing(largest)) * (1 + HeapGaps + (ReferenceBytes > 0 ? GapsOfReference : 0) + (Options.Bf16 ? GapsOfConversions : 0))), ["pairs_per_leaf", "max_length", "gradient_checkpointing: true"]),
            new("logits", LogitBytes(largest), ["logprob_keep_mb", "logprob_chunk"]),
            new("buffers", flat + PeerBytes(flat, nodes), ["lora_r"]));
        return new StepPlan(
            [.. parts.Where(part => part.Bytes > 0)], largest, loads.Leaves.Sum(Flops) / loads.Steps, Workers == 1 ? 0 : flat * 2 * (Workers - 1) / Workers, flat * (3 + 2 * States.Length));
    }

    private bool Adapted => Options.Lora is not null;

    private ObjectiveNeeds Needs => Objective.Create(Options.Objective).Needs;

    private ImmutableArray<string> States => UpdateRules.Create(Options.Optimizer).States;

    private (ImmutableHashSet<string> Targets, int Rank) Adapters =>
        Adapter is { } going ? ([.. LoraTargets.Resolve(Spec, going.Targets).Select(linear => linear.Name)], going.Rank)
        : Options.Lora is { New: { } fresh } lora ? ([.. LoraTargets.Resolve(Spec, lora.TargetModules).Select(linear => linear.Name)], fresh.Rank)
        : ([], 0);

    private ActivationMemory Activations => new(Spec, Options.Bf16, Adapted, Adapters.Targets, Adapters.Rank);

    /// <summary>Bytes of a flat buffer: weights, a gradient and each state have this size.</summary>
    public long FlatBytes
    {
        get
        {
            var (targets, rank) = Adapters;
            var shapes = Adapted
                ? LoraTargets.Candidates(Spec).Where(linear => targets.Contains(linear.Name)).SelectMany(linear => new[] { (long)linear.In * rank, (long)linear.Out * rank })
                : Spec.Tensors.Select(Elements);
            return shapes.Sum(FlatLayout.Padded) * Float;
        }
    }

    private long ReferenceBytes => Needs.Reference && !Precomputed && (!Adapted || Reference is not null) ? WeightBytes(Reference ?? Spec) : 0;

    private long Needed(LeafLoad leaf) => Activations.Saved(leaf, Options.GradientCheckpointing) + Activations.Passing(leaf) + LogitBytes(leaf);

    /// <summary>Gradient buffers that a worker holds at once, and whole nodes it brings to the sum.</summary>
    private (int Slots, int Nodes) Slots(int leaves)
    {
        if (Options.Reduction == Reduction.Sequential)
        {
            return (1, 1);
        }

        var (tree, deal) = (new CanonicalTree(leaves), Deal.Even(leaves, Workers));
        return Enumerable.Range(0, Workers).Select(rank => tree.WholeNodes(deal.LeavesOf(rank))).Select(nodes => (Held(tree, nodes), nodes.Length)).Max();
    }

    // Depth first, left to right: while the right child is computed, the left one's sum is held.
    private static int Held(CanonicalTree tree, ImmutableArray<TreeNode> nodes)
    {
        int Open(TreeNode node) => tree.Canonical(node) is { Height: > 0 } inner ? Math.Max(Open(inner.Left), 1 + Open(inner.Right)) : 1;
        return nodes.Select((node, before) => before + Open(node)).DefaultIfEmpty(0).Max();
    }

    // A rank reads its slice of what its neighbours bring, and from each of them the slice of the sum that is theirs.
    private long PeerBytes(long flat, int nodes) => (Workers - 1) * (nodes + 1) * flat / Workers;

    private long RowBytes => (long)Spec.Vocabulary * (Options.Bf16 ? 2 : Float);

    private long KeptRows(LeafLoad leaf) => Spec.LogitSoftCap is null ? Math.Min(leaf.Targets, Options.LogprobKeepBytes / RowBytes) : 0;

    private long LogitBytes(LeafLoad leaf)
    {
        var kept = KeptRows(leaf);
        return (kept + Math.Min(Options.LogprobChunk, leaf.Targets - kept)) * RowBytes + (Options.Bf16 ? Math.Max(ScratchBytes, (long)Spec.Vocabulary * Float) : 0);
    }

    private double Flops(LeafLoad leaf)
    {
        var matrices = Spec.Layers.SelectMany(layer => layer.Linears).Sum(linear => (double)linear.In * linear.Out);
        var layers = 2 * matrices * leaf.Tokens + 4.0 * Spec.Heads * Spec.HeadSize * leaf.Scores * Spec.Layers.Length;
        var head = 2.0 * Spec.Vocabulary * Spec.Hidden * leaf.Targets;
        var again = (Options.GradientCheckpointing ? layers : 0) + head * (leaf.Targets - KeptRows(leaf)) / leaf.Targets;
        var reference = Needs.Reference && !Precomputed ? layers + head : 0;
        return (layers + head) * (Adapted ? 2 : 3) + again + reference;
    }

    private static long WeightBytes(DecoderSpec spec) => spec.Tensors.Sum(tensor => FlatLayout.Padded(Elements(tensor))) * Float;

    private static long Elements(TensorSpec tensor) => tensor.Shape.Aggregate(1L, (product, size) => product * size);
}
