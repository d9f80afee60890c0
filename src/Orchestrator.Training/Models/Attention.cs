using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>Causal self-attention with grouped queries, rotary positions, windows and soft caps, as the family's description says.</summary>
internal sealed class Attention(DecoderSpec model, LayerSpec layer, IReadOnlyDictionary<string, Parameter> weights)
{
    private readonly Projection[] _qkv = [.. layer.Qkv.Projections.Select(linear => new Projection(linear, weights))];
    private readonly Projection _out = new(layer.AttentionOut, weights);
    private readonly Norm? _queryNorm = layer.QueryNorm is null ? null : new Norm(layer.QueryNorm, weights);
    private readonly Norm? _keyNorm = layer.KeyNorm is null ? null : new Norm(layer.KeyNorm, weights);

    /// <param name="x">[rows, tokens, hidden].</param>
    public Tensor Apply(Tensor x, AttentionContext context, KeyValueCache? cache, int index)
    {
        using var scope = NewDisposeScope();
        var (query, key, value) = Split(x);
        query = Rotate(_queryNorm?.Apply(query) ?? query, context);
        key = Rotate(_keyNorm?.Apply(key) ?? key, context);
        if (cache is not null)
        {
            (key, value) = cache.Append(index, key, value);
        }

        var mixed = AttendInGroups(query, key, value, context.Mask(layer.Window)).transpose(1, 2);
        return _out.Apply(mixed.reshape(x.size(0), x.size(1), -1)).MoveToOuterDisposeScope();
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
        return (Heads(cut[0].contiguous()), Heads(cut[1].contiguous()), Heads(cut[2].contiguous()));
    }

    private Tensor Rotate(Tensor x, AttentionContext context)
    {
        if (model.Rope is not { } rope)
        {
            return x;
        }

        var turning = rope.Dimension == model.HeadSize ? x : x.narrow(-1, 0, rope.Dimension);
        var half = rope.Dimension / 2;
        var turned = cat([turning.narrow(-1, half, half).neg(), turning.narrow(-1, 0, half)], -1);
        var rotated = turning * context.Cosine! + turned * context.Sine!;
        return rope.Dimension == model.HeadSize
            ? rotated
            : cat([rotated, x.narrow(-1, rope.Dimension, model.HeadSize - rope.Dimension)], -1);
    }

    private Tensor Repeat(Tensor x)
    {
        var groups = model.Heads / model.KeyValueHeads;
        return groups == 1
            ? x
            : x.unsqueeze(2).expand(x.size(0), model.KeyValueHeads, groups, x.size(2), model.HeadSize).reshape(x.size(0), model.Heads, x.size(2), model.HeadSize);
    }

    private Tensor AttendInGroups(Tensor query, Tensor key, Tensor value, Tensor? mask)
    {
        if (query.size(2) > 1)
        {
            return Attend(query, Repeat(key), Repeat(value), mask, causal: mask is null);
        }

        // One new token sees all keys its mask leaves it: the queries of a group stand where tokens stand, and share keys that nobody copies.
        var grouped = query.reshape(query.size(0), model.KeyValueHeads, -1, model.HeadSize);
        return Attend(grouped, key, value, mask, causal: false).reshape(query.size(0), model.Heads, 1, model.HeadSize);
    }

    private Tensor Attend(Tensor query, Tensor key, Tensor value, Tensor? mask, bool causal)
    {
        if (model.AttentionSoftCap is { } cap)
        {
            return CappedAttention(query, key, value, causal ? CausalMask(query, key) : mask, cap);
        }

        // The fused kernel scales by 1/sqrt(head size); a family with another scale brings the difference in the query.
        var rescale = model.AttentionScale * Math.Sqrt(model.HeadSize);
        var scaled = Math.Abs(rescale - 1) < 1e-12 ? query : query * rescale;
        return nn.functional.scaled_dot_product_attention(scaled, key, value, mask, 0, is_casual: causal);
    }

    private Tensor CappedAttention(Tensor query, Tensor key, Tensor value, Tensor? mask, double cap)
    {
        var (rows, heads, queries, keys) = (query.size(0), query.size(1), query.size(2), key.size(2));
        var scores = bmm(query.reshape(rows * heads, queries, -1), key.reshape(rows * heads, keys, -1).transpose(1, 2));
        scores = (scores * (model.AttentionScale / cap)).tanh() * cap;
        scores = scores.view(rows, heads, queries, keys);
        var shares = (mask is null ? scores : scores.masked_fill(mask.logical_not(), float.MinValue)).softmax(-1);
        return bmm(shares.view(rows * heads, queries, keys), value.reshape(rows * heads, keys, -1)).view(rows, heads, queries, -1);
    }

    private static Tensor CausalMask(Tensor query, Tensor key)
    {
        var (queries, keys) = (query.size(2), key.size(2));
        return ones([queries, keys], ScalarType.Bool, query.device).tril(keys - queries).unsqueeze(0).unsqueeze(0);
    }
}
