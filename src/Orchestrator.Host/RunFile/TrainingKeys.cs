using System.Collections.Immutable;

namespace Orchestrator.Host.RunFile;

/// <summary>Section "training": how long, and by which steps. Defaults are the DPO paper's, appendix B.</summary>
public static class TrainingKeys
{
    private const string Section = "training";

    public static readonly Key<double> Epochs = new(Section, "num_train_epochs", Kinds.Number(above: 0, most: 100000), 1.0,
        "Passes over the pairs; a fraction ends inside one.");

    public static readonly Key<int?> MaxSteps = new(Section, "max_steps", Kinds.Whole(1).OrNull("as num_train_epochs says"), null,
        "Ends after so many optimizer steps, going on to further epochs where needed.");

    public static readonly Key<int> Seed = new(Section, "seed", Kinds.Whole(0), 0, "Decides the order of the pairs, and how fresh adapters start.");

    public static readonly Key<double> LearningRate = new(Section, "learning_rate", Kinds.Number(above: 0, most: 10), 1e-6, "Rate after the warm-up.");

    public static readonly Key<string> Optimizer = new(Section, "optim",
        Kinds.Choice(["rmsprop", "adamw", "sgd"], ("adamw_torch", "adamw"), ("adamw_torch_fused", "adamw"), ("adamw_hf", "adamw")), "rmsprop", "The optimizer.")
    {
        Aliases = ["optimizer"],
    };

    public static readonly Key<string> Schedule = new(Section, "lr_scheduler_type",
        Kinds.Choice(["constant", "linear", "cosine"], ("constant_with_warmup", "constant")), "constant", "What the rate does after the warm-up.");

    public static readonly Key<int> WarmupSteps = new(Section, "warmup_steps", Kinds.Whole(0), 150,
        "Steps over which the rate rises linearly; step 0 has 1/(warmup_steps + 1) of it.");

    public static readonly Key<double?> WarmupRatio = new(Section, "warmup_ratio", Kinds.Number(least: 0, most: 1).OrNull("as warmup_steps says"), null,
        "Warm-up as a share of all steps, instead of warmup_steps.");

    public static readonly Key<double?> MaxGradNorm = new(Section, "max_grad_norm", Kinds.Number(least: 0).OrNull("no clipping"), 10.0,
        "The gradient's global norm is clipped to it; null or 0: not clipped.");

    public static readonly Key<double> WeightDecay = new(Section, "weight_decay", Kinds.Number(least: 0, most: 10), 0, "Decoupled for adamw, added to the gradient otherwise.");

    public static readonly Key<double> AdamBeta1 = new(Section, "adam_beta1", Kinds.Number(least: 0, below: 1), 0.9, "AdamW: memory of the mean.");

    public static readonly Key<double> AdamBeta2 = new(Section, "adam_beta2", Kinds.Number(least: 0, below: 1), 0.999, "AdamW: memory of the square.");

    public static readonly Key<double> AdamEpsilon = new(Section, "adam_epsilon", Kinds.Number(above: 0, most: 1), 1e-8, "AdamW: added to the root.");

    public static readonly Key<double> RmspropAlpha = new(Section, "rmsprop_alpha", Kinds.Number(least: 0, below: 1), 0.99, "RMSProp: memory of the square.");

    public static readonly Key<double> RmspropEpsilon = new(Section, "rmsprop_epsilon", Kinds.Number(above: 0, most: 1), 1e-8, "RMSProp: added to the root.");

    public static readonly Key<double> Momentum = new(Section, "momentum", Kinds.Number(least: 0, below: 1), 0, "SGD and RMSProp: share of the last update that is kept.");

    public static readonly Key<bool> Bf16 = new(Section, "bf16", Kinds.Flag, false,
        "Matrix products in bf16; weights, gradients, optimizer and all sums stay fp32.");

    public static readonly Key<bool> GradientCheckpointing = new(Section, "gradient_checkpointing", Kinds.Flag, false,
        "Compute blocks again in backward instead of keeping them: less memory, a third more work.");

    public static readonly Key<int> LogprobChunk = new(Section, "logprob_chunk", Kinds.Whole(1, 1 << 20), 256,
        "Tokens whose logits are in memory at once; usually 64 to 1024.");

    public static readonly Key<int> LogprobKeep = new(Section, "logprob_keep_mb", Kinds.Whole(0, 1 << 20), 256,
        "MiB for probabilities that backward would else compute again; 0 saves the memory and costs a product of the head.");

    public static ImmutableArray<Key> All { get; } =
    [
        Epochs, MaxSteps, Seed, LearningRate, Optimizer, Schedule, WarmupSteps, WarmupRatio, MaxGradNorm, WeightDecay,
        AdamBeta1, AdamBeta2, AdamEpsilon, RmspropAlpha, RmspropEpsilon, Momentum, Bf16, GradientCheckpointing, LogprobChunk, LogprobKeep,
    ];
}
