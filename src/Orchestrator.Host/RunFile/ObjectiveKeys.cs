using System.Collections.Immutable;

namespace Orchestrator.Host.RunFile;

/// <summary>Section "objective": what the policy is asked to do with a pair.</summary>
public static class ObjectiveKeys
{
    private const string Section = "objective";

    public static readonly Key<string> LossType = new(Section, "loss_type", Kinds.Choice(["sigmoid", "sft"], ("dpo", "sigmoid")), "sigmoid",
        "The loss of a pair; sigmoid is DPO, arXiv:2305.18290.");

    public static readonly Key<double> Beta = new(Section, "beta", Kinds.Number(above: 0, most: 10), 0.1,
        "Strength of the pull towards the reference; usually 0.1 to 0.5.");

    public static readonly Key<double> LabelSmoothing = new(Section, "label_smoothing", Kinds.Number(least: 0, below: 0.5), 0,
        "Assumed share of pairs whose label is wrong (conservative DPO).");

    public static ImmutableArray<Key> All { get; } = [LossType, Beta, LabelSmoothing];
}
