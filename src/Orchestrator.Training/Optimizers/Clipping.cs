namespace Orchestrator.Training.Optimizers;

/// <summary>Clipping by the global norm, folded into the one factor by which the summed gradient of a step is multiplied.</summary>
public static class Clipping
{
    /// <summary>Norm of the step's gradient before clipping.</summary>
    /// <param name="sumOfSquares">Of the summed gradient.</param>
    /// <param name="normalizer">What the sum is divided by: the step's pairs, or its completion tokens.</param>
    public static double Norm(double sumOfSquares, double normalizer) => Math.Sqrt(sumOfSquares) / normalizer;

    /// <summary>min(1, maxNorm / (norm + 1e-6)) / normalizer, as torch.nn.utils.clip_grad_norm_ has it.</summary>
    /// <param name="maxNorm">Null or 0: no clipping.</param>
    public static double Factor(double norm, double normalizer, double? maxNorm) =>
        (maxNorm is { } limit and > 0 ? Math.Min(1, limit / (norm + 1e-6)) : 1) / normalizer;
}
