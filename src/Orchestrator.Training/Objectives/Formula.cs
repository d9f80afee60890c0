using System.Collections.Immutable;

namespace Orchestrator.Training.Objectives;

/// <summary>A row of the table of pairwise losses.</summary>
/// <param name="Name">As TRL names it, where it does.</param>
internal sealed record Formula(string Name, PairLoss Loss)
{
    /// <summary>Every pairwise loss there is. To add one: a function in its own file, and a row here.</summary>
    public static ImmutableArray<Formula> Table { get; } =
    [
        new("sigmoid", Sigmoid.Loss) { Smoothing = true },
        new("robust", Sigmoid.Robust) { Smoothing = true },
        new("sigmoid_norm", Sigmoid.OfMeans) { Smoothing = true },
        new("hinge", Hinge.Loss),
        new("ipo", Ipo.Loss),
        new("ipo_sum", Ipo.OfSums),
        new("exo_pair", ExoPair.Loss) { Smoothing = true },
        new("nca_pair", Pointwise.NcaPair),
        new("bco_pair", Pointwise.BcoPair),
        new("sppo_hard", Pointwise.SppoHard),
        new("aot", Aot.Paired) { Smoothing = true, Ratios = false, WholeStep = true },
        new("aot_unpaired", Aot.Unpaired) { Smoothing = true, Ratios = false, WholeStep = true },
        new("apo_zero", Apo.Zero),
        new("apo_down", Apo.Down),
        new("discopop", DiscoPop.Loss),
        new("rpo_sq", Rpo.Square) { RewardMargins = true },
        new("rpo_bwd_kl", Rpo.BackwardKl) { RewardMargins = true },
        new("rpo_fwd_kl", Rpo.ForwardKl) { RewardMargins = true },
        new("simpo", ReferenceFree.Simpo) { Reference = false, Smoothing = true, Means = true },
        new("cpo", ReferenceFree.Cpo) { Reference = false, Smoothing = true },
        new("orpo", ReferenceFree.Orpo) { Reference = false, Means = true },
        new("unlikelihood", Unlikelihood.Loss) { Reference = false, Complement = true },
        new("sft", Sft.Term) { Reference = false },
    ];

    /// <summary>Compares with the reference.</summary>
    public bool Reference { get; init; } = true;

    /// <summary>Is a function of each pair's log-ratios, so that another divergence or a weight of the pair makes sense.</summary>
    public bool Ratios { get => Reference && field; init; } = true;

    /// <summary>Needs the log-probabilities of the whole step.</summary>
    public bool WholeStep { get; init; }

    /// <summary>Without a reference: takes means over tokens, and so do its rewards.</summary>
    public bool Means { get; init; }

    /// <summary>Looks at log(1 - p) of the tokens.</summary>
    public bool Complement { get; init; }

    /// <summary>Compares with rewards that come with the data.</summary>
    public bool RewardMargins { get; init; }

    /// <summary>Has a meaning for label smoothing.</summary>
    public bool Smoothing { get; init; }
}
