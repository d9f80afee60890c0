using System.Collections.Immutable;
using static TorchSharp.torch;

namespace Orchestrator.Training.Optimizers;

/// <summary>
/// v ← αv + (1-α)g²; w ← w - lr·g / (√v + ε), with momentum μ: b ← μb + g / (√v + ε); w ← w - lr·b. One state a weight, two with momentum.
/// </summary>
/// <remarks>Hinton 2012, lecture 6e; as torch.optim.RMSprop computes it. From v = 0 the first update is 10·lr·sign(g) at α = 0.99.</remarks>
internal sealed class RmsProp(OptimizerOptions options) : IUpdateRule
{
    public string Name => "rmsprop";

    public ImmutableArray<string> States => options.Momentum > 0 ? ["square_avg", "momentum_buffer"] : ["square_avg"];

    public void Update(long step, double rate, Tensor weights, Tensor gradient, IReadOnlyList<Tensor> states)
    {
        if (options.WeightDecay > 0)
        {
            gradient.add_(weights, options.WeightDecay);
        }

        states[0].mul_(options.RmspropAlpha).addcmul_(gradient, gradient, 1 - options.RmspropAlpha);
        using var spread = states[0].sqrt();
        spread.add_(options.RmspropEpsilon);
        if (options.Momentum > 0)
        {
            states[1].mul_(options.Momentum).addcdiv_(gradient, spread, 1);
            weights.add_(states[1], -rate);
        }
        else
        {
            weights.addcdiv_(gradient, spread, -rate);
        }
    }
}
