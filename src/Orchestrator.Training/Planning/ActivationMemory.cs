using System.Collections.Immutable;
using Orchestrator.Training.Models;

namespace Orchestrator.Training.Planning;

/// <summary>
/// Bytes that a forward pass with gradient leaves behind for backward, tensor by tensor: what libtorch's functions keep of their inputs and outputs. A matrix
/// product keeps its input where its weight is trained, RMSNorm what it scales, attention its three inputs, its output and a mask.
/// </summary>
/// <param name="half">Matrix products in bf16.</param>
/// <param name="frozen">Weights are frozen, and only the adapters of <paramref name="adapted"/> are trained.</param>
/// <param name="adapted">Names of the projections with an adapter, and its rank.</param>
internal sealed class ActivationMemory(DecoderSpec spec, bool half, bool frozen, ImmutableHashSet<string> adapted, int rank)
{
    private const int Float = 4;
    private readonly int _narrow = half ? 2 : Float;

    private long Query => (long)spec.Heads * spec.HeadSize;

    private long Key => (long)spec.KeyValueHeads * spec.HeadSize;

    /// <summary>All that is kept from forward to backward, the head's rows of the vocabulary not counted.</summary>
    public long Saved(LeafLoad leaf, bool checkpointing)
    {
        var layers = spec.Layers.Select(layer => Layer(layer, leaf)).ToArray();
        return (checkpointing ? layers.Length * leaf.Tokens * spec.Hidden * Float + layers.Max() : layers.Sum()) + Around(leaf);
    }

    /// <summary>The most that a block's backward, or the head's, needs beside what is saved.</summary>
    public long Passing(LeafLoad leaf)
    {
        var mlp = spec.Layers.Max(layer => 3 * leaf.Tokens * layer.Mlp.Out.In * _narrow + 2 * leaf.Tokens * spec.Hidden * Float);
        var matrix = frozen ? 0 : spec.Layers.SelectMany(layer => layer.Linears).Max(linear => (long)linear.In * linear.Out) * (half ? Float + 2 : Float);
        var head = leaf.Targets * spec.Hidden * Float * 2 + (half ? (long)spec.Vocabulary * spec.Hidden * 2 * (frozen ? 1 : 2) : 0);
        return Math.Max(mlp + matrix, head);
    }

    private long Layer(LayerSpec layer, LeafLoad leaf)
    {
        var (tokens, hidden) = (leaf.Tokens, (long)spec.Hidden);
        var residuals = tokens * hidden * Float * (layer.Parallel ? 1 : 2);
        var norms = NormOf(layer.AttentionNorm, tokens) + (layer.MlpNorm is null ? 0 : NormOf(layer.MlpNorm, tokens));
        var after = new[] { layer.AfterAttention, layer.AfterMlp }.OfType<NormSpec>().Sum(norm => tokens * hidden * Float + NormOf(norm, tokens));
        return residuals + norms + after + AttentionOf(layer, leaf) + MlpOf(layer, tokens) + Casts(layer) + Adapters(layer, tokens);
    }

    // The input is counted where it comes from.
    private long NormOf(NormSpec norm, long tokens) => tokens * 8 + (norm.Rms && !frozen ? tokens * norm.Size * Float : 0);

    private long AttentionOf(LayerSpec layer, LeafLoad leaf)
    {
        var tokens = leaf.Tokens;
        var input = Input(layer.Qkv.Projections, tokens * spec.Hidden);
        var fused = layer.Qkv.Projections.Length == 1;
        var turned = spec.Rope is null ? 0 : tokens * (Query + Key) * _narrow;
        var straight = (fused ? Query + 2 * Key : spec.Rope is null ? Query + 2 * Key : Key) * tokens * _narrow;
        var headNorms = (layer.QueryNorm is null ? 0 : 2 * tokens * Query * Float) + (layer.KeyNorm is null ? 0 : 2 * tokens * Key * Float);
        var shared = leaf.SharedKeys * 2 * Key * _narrow;
        return input + turned + straight + headNorms + shared + Scores(layer, leaf) + tokens * Query * _narrow + Input([layer.AttentionOut], tokens * Query);
    }

    // The fused kernel keeps a log-sum-exp a query and head; with a soft cap the scores themselves are kept, before and after each function.
    private long Scores(LayerSpec layer, LeafLoad leaf)
    {
        var windowed = layer.Window is { } window && window < leaf.Longest;
        var cells = leaf.MaskCells + (windowed ? leaf.RootCells : 0);
        return spec.AttentionSoftCap is null
            ? cells * _narrow + leaf.Tokens * spec.Heads * Float
            : (leaf.MaskCells + leaf.RootCells) * spec.Heads * (2 * Float + (half ? 2 : 0)) + (leaf.MaskCells + leaf.RootCells);
    }

    private long MlpOf(LayerSpec layer, long tokens)
    {
        var inner = tokens * layer.Mlp.Out.In;
        var input = layer.Parallel && layer.MlpNorm is null && !half ? 0 : Input(layer.Mlp.In, tokens * spec.Hidden);
        return input + (layer.Mlp.Gated ? 3 : 1) * inner * _narrow + Input([layer.Mlp.Out], inner);
    }

    /// <summary>A projection's input is kept for the gradient of its weight, or of its adapter.</summary>
    private long Input(ImmutableArray<LinearSpec> projections, long values) => !frozen || projections.Any(linear => adapted.Contains(linear.Name)) ? values * _narrow : 0;

    // Backward multiplies by the cast weight.
    private long Casts(LayerSpec layer) => half ? layer.Linears.Sum(linear => (long)linear.In * linear.Out * 2) : 0;

    private long Adapters(LayerSpec layer, long tokens) => layer.Linears.Count(linear => adapted.Contains(linear.Name)) * tokens * rank * _narrow;

    // Embeddings (libtorch's binding keeps an empty tensor as large as each custom function's result), positions, final norm, the rows before the head.
    private long Around(LeafLoad leaf)
    {
        var tokens = leaf.Tokens * spec.Hidden * Float;
        var embedded = frozen ? 0 : tokens * (spec.PositionEmbedding is null ? 1 : 2);
        var angles = spec.Rope is { } rope ? leaf.Tokens * rope.Dimension * 2L * Float : 0;
        return embedded + angles + leaf.MaskCells + tokens + NormOf(spec.FinalNorm, leaf.Tokens) + leaf.Targets * spec.Hidden * Float;
    }
}
