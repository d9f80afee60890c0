using System.Collections.Immutable;
using Orchestrator.Core;
using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Adapters;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Models.Adapters;

/// <summary>Adapters whose B is not zero any more, as if they had been trained.</summary>
internal static class TinyAdapter
{
    public static readonly LoraSpec Spec = new(3, 7.5);

    public static LoraAdapter Create(DecoderSpec spec, LoraSpec? lora = null, ImmutableArray<string>? targets = null, long seed = 4)
    {
        var adapter = LoraAdapter.Create(lora ?? Spec, LoraTargets.Resolve(spec, targets ?? [LoraTargets.AllLinear]), seed, CPU);
        using var guard = no_grad();
        var random = new SplitMix64(seed, 99);
        foreach (var pair in adapter.Pairs)
        {
            using var values = tensor(Enumerable.Range(0, (int)pair.B.numel()).Select(_ => (float)(0.4 * (random.NextDouble() - 0.5))).ToArray());
            pair.B.copy_(values.view(pair.B.shape));
        }

        return adapter;
    }

    /// <summary>[vocabulary] of every token of a text that each vocabulary has.</summary>
    public static Tensor Logits(CausalLM model)
    {
        using var guard = no_grad();
        using var ids = tensor(TinyModel.Ids(12).Select(id => (long)id).ToArray()).view(2, 6);
        using var hidden = model.Hidden(ids);
        return model.Logits(hidden);
    }

    public static double Distance(Tensor one, Tensor other) => (one - other).abs().max().item<float>();
}
