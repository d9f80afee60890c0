using System.Collections.Immutable;
using static TorchSharp.torch;

namespace Orchestrator.Training.Optimizers;

/// <summary>
/// w ← w(1 - lr·λ); m ← β₁m + (1-β₁)g; v ← β₂v + (1-β₂)g²; w ← w - lr / (1-β₁ᵗ) · m / (√v / √(1-β₂ᵗ) + ε), with t = step + 1.
/// </summary>
/// <remarks>Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2; as torch.optim.AdamW computes it.</remarks>
internal sealed class AdamW(OptimizerOptions options) : IUpdateRule
{
    public string Name => "adamw";

    public ImmutableArray<string> States => ["exp_avg", "exp_avg_sq"];

    public void Update(long step, double rate, Tensor weights, Tensor gradient, IReadOnlyList<Tensor> states)
    {
        var (beta1, beta2, t) = (options.AdamBeta1, options.AdamBeta2, step + 1);
        if (options.WeightDecay > 0)
        {
            weights.mul_(1 - rate * options.WeightDecay);
        }

        states[0].mul_(beta1).add_(gradient, 1 - beta1);
        states[1].mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
        using var spread = states[1].sqrt();
        spread.div_(Math.Sqrt(1 - Math.Pow(beta2, t))).add_(options.AdamEpsilon);
        weights.addcdiv_(states[0], spread, -rate / (1 - Math.Pow(beta1, t)));
    }
}
