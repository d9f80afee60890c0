using Orchestrator.Training.Models.Adapters;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>Causal self-attention with grouped queries, rotary positions, windows and soft caps, as the family's description says.</summary>
internal sealed class Attention(
    DecoderSpec model, LayerSpec layer, IReadOnlyDictionary<string, Parameter> weights, Precision precision, AdapterSwitch adapters)
{
    private readonly Projection[] _qkv = [.. layer.Qkv.Projections.Select(linear => new Projection(linear, weights, precision, adapters))];
    private readonly Projection _out = new(layer.AttentionOut, weights, precision, adapters);
    private readonly AttentionKernel _kernel = new(model);
    private readonly Norm? _queryNorm = layer.QueryNorm is null ? null : new Norm(layer.QueryNorm, weights, precision);
    private readonly Norm? _keyNorm = layer.KeyNorm is null ? null : new Norm(layer.KeyNorm, weights, precision);

    /// <param name="x">[rows, tokens, hidden].</param>
    public Tensor Apply(Tensor x, AttentionContext context, KeyValueCache? cache, int index)
    {
        using var scope = NewDisposeScope();
        var (query, key, value) = Split(precision.Cast(x));
        query = Rotate(_queryNorm?.Apply(query) ?? query, context);
        key = Rotate(_keyNorm?.Apply(key) ?? key, context);
        if (cache is not null)
        {
            (key, value) = cache.Append(index, key, value);
        }

        return _out.Apply(context.Mix(_kernel, query, key, value, layer.Window)).MoveToOuterDisposeScope();
    }

    /// <summary>[rows, heads, tokens, head size] each.</summary>
    private (Tensor Query, Tensor Key, Tensor Value) Split(Tensor x)
    {
        var (rows, tokens, size) = (x.size(0), x.size(1), model.HeadSize);
        Tensor Heads(Tensor t) => t.view(rows, tokens, -1, size).transpose(1, 2);
        if (_qkv.Length == 3)
        {
            return (Heads(_qkv[0].Apply(x)), Heads(_qkv[1].Apply(x)), Heads(_qkv[2].Apply(x)));
        }

        var fused = _qkv[0].Apply(x);
        if (layer.Qkv.Layout == FusedLayout.PerHead)
        {
            var parts = fused.view(rows, tokens, model.Heads, 3 * size).transpose(1, 2).split(size, -1);
            return (parts[0], parts[1], parts[2]);
        }

        var (query, key) = (model.Heads * size, model.KeyValueHeads * size);
        var cut = fused.split([query, key, key], -1);
        return (Heads(cut[0]), Heads(cut[1]), Heads(cut[2]));
    }

    private Tensor Rotate(Tensor x, AttentionContext context)
    {
        if (model.Rope is not { } rope)
        {
            return precision.Cast(x);
        }

        x = precision.Restore(x);
        var turning = rope.Dimension == model.HeadSize ? x : x.narrow(-1, 0, rope.Dimension);
        var halves = turning.chunk(2, -1);
        var rotated = (turning * context.Cosine!).addcmul_(cat([halves[1], halves[0]], -1), context.Sine!, 1);
        return precision.Cast(rope.Dimension == model.HeadSize
            ? rotated
            : cat([rotated, x.narrow(-1, rope.Dimension, model.HeadSize - rope.Dimension)], -1));
    }
}
