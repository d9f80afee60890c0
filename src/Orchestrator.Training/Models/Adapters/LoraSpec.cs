namespace Orchestrator.Training.Models.Adapters;

/// <summary>
/// What low-rank adapters are made of: y = x Wᵀ + b becomes x Wᵀ + b + s · (x Aᵀ) Bᵀ with A [rank, in] and B [out, rank], and only A and B are trained.
/// </summary>
/// <param name="Rank">At least 1; usually 8 to 64.</param>
/// <param name="Alpha">Above 0; the strength of the adapters, divided by the rank or its root.</param>
/// <param name="RankStabilized">s = alpha / sqrt(rank) instead of alpha / rank.</param>
/// <remarks>Hu et al. 2021, arXiv:2106.09685, section 4.1; rank-stabilized: Kalajdzievski 2023, arXiv:2312.03732.</remarks>
public sealed record LoraSpec(int Rank, double Alpha, bool RankStabilized = false)
{
    /// <summary>s.</summary>
    public double Scale => RankStabilized ? Alpha / Math.Sqrt(Rank) : Alpha / Rank;

    /// <exception cref="ArgumentException">A value is out of its range; the message names it.</exception>
    public void Check()
    {
        if (Rank < 1)
        {
            throw new ArgumentException($"lora_r is {Rank}; needed is 1 or more.");
        }

        if (!double.IsFinite(Alpha) || Alpha <= 0)
        {
            throw new ArgumentException($"lora_alpha is {Alpha}; needed is a number above 0.");
        }
    }
}
