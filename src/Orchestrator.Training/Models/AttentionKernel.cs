using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Training.Models;

/// <summary>softmax(query keyᵀ · scale) value with the family's scale and soft cap; who may see whom is the caller's to say.</summary>
internal sealed class AttentionKernel(DecoderSpec model)
{
    /// <summary>Query heads that share one key and value head.</summary>
    public int Groups => model.Heads / model.KeyValueHeads;

    public int KeyValueHeads => model.KeyValueHeads;

    /// <param name="query">[rows, heads, queries, head size].</param>
    /// <param name="key">[rows, heads, keys, head size]; like the values, it may be expanded over heads.</param>
    /// <param name="mask">True where a query may see a key, [rows or 1, 1, queries, keys]; null: all it may see, or with <paramref name="causal"/> those before it.</param>
    /// <param name="causal">Only where queries and keys are the same tokens: then the first query sees the first key.</param>
    /// <returns>[rows, heads, queries, head size].</returns>
    public Tensor Attend(Tensor query, Tensor key, Tensor value, Tensor? mask, bool causal)
    {
        if (model.AttentionSoftCap is { } cap)
        {
            return Capped(query, key, value, causal ? CausalMask(query) : mask, cap);
        }

        // The fused kernel scales by 1/sqrt(head size); a family with another scale brings the difference in the query.
        var rescale = model.AttentionScale * Math.Sqrt(model.HeadSize);
        var scaled = Math.Abs(rescale - 1) < 1e-12 ? query : query * rescale;
        return nn.functional.scaled_dot_product_attention(scaled, key, value, mask, 0, is_casual: causal);
    }

    private Tensor Capped(Tensor query, Tensor key, Tensor value, Tensor? mask, double cap)
    {
        var (rows, heads, queries, keys) = (query.size(0), query.size(1), query.size(2), key.size(2));
        var scores = bmm(query.reshape(rows * heads, queries, -1), key.reshape(rows * heads, keys, -1).transpose(1, 2));
        scores = (scores.to(ScalarType.Float32) * (model.AttentionScale / cap)).tanh() * cap;
        scores = scores.view(rows, heads, queries, keys);
        var shares = (mask is null ? scores : scores.masked_fill(mask.logical_not(), float.MinValue)).softmax(-1).to(value.dtype);
        return bmm(shares.view(rows * heads, queries, keys), value.reshape(rows * heads, keys, -1)).view(rows, heads, queries, -1);
    }

    private static Tensor CausalMask(Tensor query) => ones([query.size(2), query.size(2)], ScalarType.Bool, query.device).tril();
}
