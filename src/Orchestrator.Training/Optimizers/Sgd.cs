using System.Collections.Immutable;
using static TorchSharp.torch;

namespace Orchestrator.Training.Optimizers;

/// <summary>w ← w - lr·g, with momentum μ: b ← μb + g; w ← w - lr·b. As torch.optim.SGD computes it, without dampening.</summary>
internal sealed class Sgd(OptimizerOptions options) : IUpdateRule
{
    public string Name => "sgd";

    public ImmutableArray<string> States => options.Momentum > 0 ? ["momentum_buffer"] : [];

    public void Update(long step, double rate, Tensor weights, Tensor gradient, IReadOnlyList<Tensor> states)
    {
        if (options.WeightDecay > 0)
        {
            gradient.add_(weights, options.WeightDecay);
        }

        if (options.Momentum > 0)
        {
            states[0].mul_(options.Momentum).add_(gradient);
        }

        weights.add_(options.Momentum > 0 ? states[0] : gradient, -rate);
    }
}
