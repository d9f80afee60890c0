using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>
/// Where a custom function adds a weight's gradient: into the weight's own .grad where it has one, so that a gradient as large as a vocabulary's
/// matrix is not made a second time only to be added; the order of additions, and so the last bit, differs from a first gradient's. A weight that is used elsewhere too (a tied head) accumulates there as always.
/// </summary>
/// <param name="Sum">fp32, of the weight's shape.</param>
/// <param name="Own">The function returns no gradient: it is in place already.</param>
internal readonly record struct WeightGradient(Tensor? Sum, bool Own)
{
    /// <summary>What the function returns to autograd.</summary>
    public Tensor? Returned => Own ? null : Sum;

    /// <param name="weight">As saved by the function's forward; null or frozen gives no sum.</param>
    public static WeightGradient Of(Tensor? weight)
    {
        if (weight is null || !weight.requires_grad)
        {
            return default;
        }

        return weight.is_leaf && weight.grad is { } own ? new WeightGradient(own, true) : new WeightGradient(zeros_like(weight), false);
    }
}
