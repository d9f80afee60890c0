namespace Orchestrator.Training;

/// <summary>
/// Trust-region DPO: every so many steps the reference moves towards the policy, reference ← α policy + (1 - α) reference, weight by weight.
/// </summary>
/// <remarks>Gorbatovski et al. 2024, arXiv:2404.09656, Eq. 5; α = 1 is its hard update (Eq. 6).</remarks>
public sealed record ReferenceUpdateOptions
{
    /// <summary>α in (0, 1]: the policy's share.</summary>
    public double MixupAlpha { get; init; } = 0.6;

    /// <summary>Optimizer steps from one update to the next.</summary>
    public int EverySteps { get; init; } = 512;

    /// <param name="applied">Optimizer steps applied so far.</param>
    public bool IsDue(long applied) => applied % EverySteps == 0;

    /// <exception cref="ArgumentException">A value is out of its range; the message names it.</exception>
    public void Check()
    {
        if (MixupAlpha is not (> 0 and <= 1))
        {
            throw new ArgumentException($"ref_model_mixup_alpha is {MixupAlpha}; needed is a number above 0, at most 1.");
        }

        if (EverySteps < 1)
        {
            throw new ArgumentException($"ref_model_sync_steps is {EverySteps}; needed is 1 or more.");
        }
    }
}
