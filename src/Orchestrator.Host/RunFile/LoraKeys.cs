using System.Collections.Immutable;
using Orchestrator.Training.Models.Adapters;

namespace Orchestrator.Host.RunFile;

/// <summary>Section "lora": small matrices beside frozen weights instead of the weights themselves. Names are PEFT's and TRL's.</summary>
public static class LoraKeys
{
    private const string Section = "lora";

    public static readonly Key<int> Rank = new(Section, "lora_r", Kinds.Whole(0, 4096), 0,
        "Rank of the adapters, usually 8 to 64; 0 trains all weights. Adapters take about ten times the learning_rate: 1e-5 to 1e-4 for DPO.")
    {
        Aliases = ["lora_rank"],
    };

    public static readonly Key<double> Alpha = new(Section, "lora_alpha", Kinds.Number(above: 0), 32,
        "What the adapters add is multiplied by lora_alpha / lora_r, so a change of rank leaves the learning_rate be.");

    public static readonly Key<ImmutableArray<string>> TargetModules = new(Section, "lora_target_modules",
        Kinds.Texts("default, all-linear, or names of the model's projections such as [q_proj, v_proj]"), [LoraTargets.Default],
        "Projections that get an adapter. default: as PEFT has it, query and value of attention (Phi's MLP too); all-linear: every one of the layers.");

    public static readonly Key<bool> RankStabilized = new(Section, "use_rslora", Kinds.Flag, false,
        "Multiply by lora_alpha / sqrt(lora_r) instead: for ranks above 64.");

    public static readonly Key<string> Dropout = new(Section, "lora_dropout", Kinds.Choice(["0"], ("0.0", "0")), "0",
        "Always off: policy and reference must answer the same for the same weights.");

    public static ImmutableArray<Key> All { get; } = [Rank, Alpha, TargetModules, RankStabilized, Dropout];
}
