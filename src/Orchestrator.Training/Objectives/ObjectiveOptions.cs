using System.Collections.Immutable;
using System.ComponentModel.DataAnnotations;

namespace Orchestrator.Training.Objectives;

/// <summary>Section "objective" of the run file. Names are those of TRL where it has them. Checked by <see cref="Objective.Create"/>.</summary>
public sealed record ObjectiveOptions
{
    /// <summary>One or more of <see cref="Objective.Names"/>; several are added with <see cref="LossWeights"/>.</summary>
    public ImmutableArray<string> LossType { get; init; } = ["sigmoid"];

    /// <summary>One for each loss type; empty: 1 each.</summary>
    public ImmutableArray<double> LossWeights { get; init; } = [];

    /// <summary>Strength of the pull towards the reference, unitless; usually 0.1 to 0.5, and 2 to 10 for losses of mean log-probabilities.</summary>
    [Range(0.0, 1000.0, MinimumIsExclusive = true)]
    public double Beta { get; init; } = 0.1;

    /// <summary>Assumed share of pairs whose answers are swapped, in [0, 0.5).</summary>
    [Range(0.0, 0.5, MaximumIsExclusive = true)]
    public double LabelSmoothing { get; init; }

    /// <summary>Takes a reference that finds every completion equally likely: its log-probabilities count as 0, and it is not loaded.</summary>
    public bool ReferenceFree { get; init; }

    /// <summary>Divergence from the reference: reverse_kl, forward_kl, js_divergence or alpha_divergence.</summary>
    public string FDivergenceType { get; init; } = "reverse_kl";

    /// <summary>α of alpha_divergence; 1 is reverse KL, towards 0 forward KL.</summary>
    [Range(-10.0, 10.0)]
    public double FAlphaDivergenceCoef { get; init; } = 0.5;

    /// <summary>α of LD-DPO in [0, 1]: weight of an answer's tokens beyond its shorter counterpart's length. Null: 1.</summary>
    [Range(0.0, 1.0)]
    public double? LdAlpha { get; init; }

    /// <summary>Weighs each pair by how likely the policy finds both answers (WPO): Zhou et al. 2024, arXiv:2406.11827, Eq. 2.</summary>
    public bool UseWeighting { get; init; }

    /// <summary>τ of discopop: how fast the mix changes with the margin; below 1, or a strongly wrong pair's loss has no bound.</summary>
    [Range(0.0, 1.0, MinimumIsExclusive = true, MaximumIsExclusive = true)]
    public double DiscopopTau { get; init; } = 0.05;

    /// <summary>γ of simpo: the margin of β-scaled mean log-probabilities to reach; usually 0.5 to 1.6.</summary>
    [Range(0.0, 100.0)]
    public double SimpoGamma { get; init; } = 0.5;

    /// <summary>η of the rpo losses: nats of margin for one unit of the rewards that come with the data.</summary>
    [Range(0.0, 1e6, MinimumIsExclusive = true)]
    public double GtRewardScale { get; init; } = 1;

    /// <summary>Weight of the cross-entropy term of cpo and simpo; null: 1 for cpo, 0 for simpo, as their papers have it.</summary>
    [Range(0.0, 1000.0)]
    public double? CpoAlpha { get; init; }

    /// <summary>α of unlikelihood: weight of its term of rejected tokens, usually 0 to 1; 0 is maximum likelihood on the chosen answers.</summary>
    [Range(0.0, 1000.0)]
    public double UnlikelihoodAlpha { get; init; } = 1;

    /// <summary>Weight of kto's desirable answers.</summary>
    [Range(0.0, 1000.0)]
    public double DesirableWeight { get; init; } = 1;

    /// <summary>Weight of kto's undesirable answers.</summary>
    [Range(0.0, 1000.0)]
    public double UndesirableWeight { get; init; } = 1;
}
