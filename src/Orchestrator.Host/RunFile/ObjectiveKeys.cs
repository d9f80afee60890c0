using System.Collections.Immutable;
using Orchestrator.Training.Objectives;

namespace Orchestrator.Host.RunFile;

/// <summary>Section "objective": what the policy is asked to do with a pair.</summary>
public static class ObjectiveKeys
{
    private const string Section = "objective";

    public static readonly Key<ImmutableArray<string>> LossType = new(Section, "loss_type", Kinds.Choices(Objective.Names, ("dpo", "sigmoid")), ["sigmoid"],
        "The loss of a pair, or a list whose losses are added; sigmoid is DPO, arXiv:2305.18290. kto takes rows with labels, sft completions, rpo_* pairs with rewards.");

    public static readonly Key<ImmutableArray<double>> LossWeights = new(Section, "loss_weights", Kinds.Numbers(), [],
        "A weight for each of several losses; null: 1 each.");

    public static readonly Key<double> Beta = new(Section, "beta", Kinds.Number(above: 0, most: 1000), 0.1,
        "Strength of the pull towards the reference; usually 0.1 to 0.5.");

    public static readonly Key<double> LabelSmoothing = new(Section, "label_smoothing", Kinds.Number(least: 0, below: 0.5), 0,
        "Assumed share of pairs whose label is wrong (conservative DPO).");

    public static readonly Key<bool> ReferenceFree = new(Section, "reference_free", Kinds.Flag, false,
        "Take a reference that finds every completion equally likely, and load none.");

    public static readonly Key<string> FDivergenceType = new(Section, "f_divergence_type",
        Kinds.Choice(["reverse_kl", "forward_kl", "js_divergence", "alpha_divergence"]), "reverse_kl", "Divergence from the reference.");

    public static readonly Key<double> FAlphaDivergenceCoef = new(Section, "f_alpha_divergence_coef", Kinds.Number(least: -10, most: 10), 0.5,
        "alpha_divergence: 1 is reverse KL, towards 0 forward KL.");

    public static readonly Key<double?> LdAlpha = new(Section, "ld_alpha", Kinds.Number(least: 0, most: 1).OrNull("1"), null,
        "LD-DPO: weight of an answer's tokens beyond its shorter counterpart's length.");

    public static readonly Key<bool> UseWeighting = new(Section, "use_weighting", Kinds.Flag, false,
        "WPO: weigh each pair by how likely the policy finds both answers.");

    public static readonly Key<double> DiscopopTau = new(Section, "discopop_tau", Kinds.Number(above: 0, below: 1), 0.05, "discopop: how fast the mix changes with the margin.");

    public static readonly Key<double> SimpoGamma = new(Section, "simpo_gamma", Kinds.Number(least: 0, most: 100), 0.5, "simpo: the margin to reach; usually 0.5 to 1.6.");

    public static readonly Key<double> GtRewardScale = new(Section, "gt_reward_scale", Kinds.Number(above: 0, most: 1e6), 1,
        "rpo_sq, rpo_bwd_kl, rpo_fwd_kl: nats of margin for one unit of the rewards that the rows bear.");

    public static readonly Key<double?> CpoAlpha = new(Section, "cpo_alpha", Kinds.Number(least: 0, most: 1000).OrNull("1 for cpo, 0 for simpo"), null,
        "cpo, simpo: weight of the cross-entropy of the chosen answers.");

    public static readonly Key<double> UnlikelihoodAlpha = new(Section, "unlikelihood_alpha", Kinds.Number(least: 0, most: 1000), 1,
        "unlikelihood: weight of the rejected answers' term, usually 0 to 1; 0 is sft on the chosen answers.");

    public static readonly Key<double> DesirableWeight = new(Section, "desirable_weight", Kinds.Number(least: 0, most: 1000), 1,
        "kto: weight of desirable answers; raise it where they are the fewer.");

    public static readonly Key<double> UndesirableWeight = new(Section, "undesirable_weight", Kinds.Number(least: 0, most: 1000), 1,
        "kto: weight of undesirable answers; raise it where they are the fewer.");

    public static ImmutableArray<Key> All { get; } =
        [LossType, LossWeights, Beta, LabelSmoothing, ReferenceFree, FDivergenceType, FAlphaDivergenceCoef, LdAlpha, UseWeighting, DiscopopTau, SimpoGamma, GtRewardScale, CpoAlpha, UnlikelihoodAlpha, DesirableWeight, UndesirableWeight];
}
