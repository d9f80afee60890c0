using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Orchestrator.Training.Objectives;

/// <summary>
/// Other divergences than reverse KL between policy and reference: a log-ratio u = log π/π_ref becomes f'(e^u) up to a constant, before the loss.
/// </summary>
/// <remarks>Wang et al. 2023, arXiv:2309.16240, Table 1. Exponents stop at 80, where a ratio is beyond all use and its square is still finite.</remarks>
internal static class FDivergence
{
    private const double LargestExponent = 80;

    /// <summary>What f_divergence_type may say.</summary>
    public static string[] Names => ["reverse_kl", "forward_kl", "js_divergence", "alpha_divergence"];

    /// <param name="logRatio">u, [pairs].</param>
    public static Tensor Score(Tensor logRatio, ObjectiveOptions options) => options.FDivergenceType switch
    {
        "reverse_kl" => logRatio,
        "forward_kl" => -logRatio.neg().clamp(max: LargestExponent).exp(),
        "js_divergence" => logsigmoid(logRatio),
        _ => Alpha(logRatio, options.FAlphaDivergenceCoef - 1),
    };

    /// <summary>e^{(α-1)u} / (α-1); its limit for α = 1 is reverse KL.</summary>
    private static Tensor Alpha(Tensor logRatio, double power) =>
        Math.Abs(power) < 1e-6 ? logRatio : (power * logRatio).clamp(max: LargestExponent).exp() / power;
}
