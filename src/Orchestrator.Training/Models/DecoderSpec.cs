using System.Collections.Immutable;

namespace Orchestrator.Training.Models;

/// <summary>A tensor that the weights file must hold.</summary>
/// <param name="Initial">How a fresh model starts it.</param>
public sealed record TensorSpec(string Name, ImmutableArray<long> Shape, Initial Initial = Initial.Normal);

public enum Initial
{
    Normal,
    Zero,
    One,
}

/// <summary>y = x Wᵀ + b; with <paramref name="Transposed"/> the file stores W as [in, out], as GPT-2 does.</summary>
public sealed record LinearSpec(string Name, int In, int Out, bool Bias = false, bool Transposed = false)
{
    public IEnumerable<TensorSpec> Tensors => Bias
        ? [new($"{Name}.weight", Shape), new($"{Name}.bias", [Out], Initial.Zero)]
        : [new($"{Name}.weight", Shape)];

    private ImmutableArray<long> Shape => Transposed ? [In, Out] : [Out, In];
}

/// <summary>LayerNorm, or RMSNorm where <paramref name="Rms"/>; Gemma stores RMSNorm weights minus one.</summary>
public sealed record NormSpec(string Name, int Size, double Epsilon, bool Rms, bool PlusOne = false)
{
    public IEnumerable<TensorSpec> Tensors => Rms
        ? [new($"{Name}.weight", [Size], PlusOne ? Initial.Zero : Initial.One)]
        : [new($"{Name}.weight", [Size], Initial.One), new($"{Name}.bias", [Size], Initial.Zero)];
}

/// <summary>How query, key and value come out of one fused projection.</summary>
public enum FusedLayout
{
    /// <summary>All queries, then all keys, then all values (GPT-2, Phi-3).</summary>
    Blocks,

    /// <summary>Head by head: its query, its key, its value (GPT-NeoX).</summary>
    PerHead,
}

/// <summary>Either three projections, or one that is cut.</summary>
public sealed record QkvSpec(ImmutableArray<LinearSpec> Projections, FusedLayout Layout = FusedLayout.Blocks);

public enum Activation
{
    Silu,
    Gelu,
    GeluTanh,
    Relu,
}

/// <summary>Either Out(act(In(x))), or Out(act(gate) * up) where gate and up are two projections or the halves of one.</summary>
public sealed record MlpSpec(ImmutableArray<LinearSpec> In, LinearSpec Out, Activation Activation, bool Gated);

/// <summary>Rotary positions, half-split layout; only the first <paramref name="Dimension"/> values of each head turn.</summary>
/// <param name="Frequencies">Inverse frequencies, radians a position, for a sequence of so many tokens.</param>
/// <param name="ByLength">Whether they differ from length to length.</param>
public sealed record RopeSpec(int Dimension, Func<int, double[]> Frequencies, bool ByLength = false);

/// <summary>One transformer block. Where a norm is null, the step has none.</summary>
public sealed record LayerSpec(
    NormSpec AttentionNorm,
    QkvSpec Qkv,
    LinearSpec AttentionOut,
    NormSpec? MlpNorm,
    MlpSpec Mlp)
{
    /// <summary>RMSNorm over each head of the query and key before rotation (Qwen3).</summary>
    public NormSpec? QueryNorm { get; init; }

    public NormSpec? KeyNorm { get; init; }

    /// <summary>Norms of what attention and MLP give back, before it is added (Gemma 2).</summary>
    public NormSpec? AfterAttention { get; init; }

    public NormSpec? AfterMlp { get; init; }

    /// <summary>x + attention(norm(x)) + mlp(norm'(x)) instead of one after the other; with MlpNorm null both share one norm.</summary>
    public bool Parallel { get; init; }

    /// <summary>A query sees itself and the Window-1 tokens before it; null: all before it.</summary>
    public int? Window { get; init; }

    /// <summary>Every projection of the block.</summary>
    public IEnumerable<LinearSpec> Linears => Qkv.Projections.Concat(Mlp.In).Append(AttentionOut).Append(Mlp.Out);

    internal IEnumerable<TensorSpec> Tensors =>
        new[] { AttentionNorm, MlpNorm, QueryNorm, KeyNorm, AfterAttention, AfterMlp }.OfType<NormSpec>().SelectMany(norm => norm.Tensors)
            .Concat(Linears.SelectMany(linear => linear.Tensors));
}

/// <summary>What a model family is made of and what its tensors are called: everything the forward pass needs to know, and where adapters sit by default.</summary>
public sealed record DecoderSpec
{
    public required int Vocabulary { get; init; }

    public required int Hidden { get; init; }

    public required int Heads { get; init; }

    /// <summary>Groups of query heads share one key and value head; equal to Heads where they do not.</summary>
    public required int KeyValueHeads { get; init; }

    public required int HeadSize { get; init; }

    public required ImmutableArray<LayerSpec> Layers { get; init; }

    public required NormSpec FinalNorm { get; init; }

    /// <summary>Name of the token embedding, [Vocabulary, Hidden].</summary>
    public required string Embedding { get; init; }

    /// <summary>Learned positions, [MaxPositions, Hidden]; null where positions are rotary.</summary>
    public string? PositionEmbedding { get; init; }

    /// <summary>Positions a learned table has; with rotary positions, what the model was made for.</summary>
    public required int MaxPositions { get; init; }

    public RopeSpec? Rope { get; init; }

    /// <summary>Null: the head is the token embedding (tied).</summary>
    public LinearSpec? Head { get; init; }

    /// <summary>The name under which a tied head may stand in the file as well.</summary>
    public string TiedHeadName { get; init; } = "lm_head.weight";

    /// <summary>Embeddings are multiplied by it (Gemma: sqrt(Hidden)).</summary>
    public double EmbeddingScale { get; init; } = 1;

    /// <summary>Attention scores are multiplied by it.</summary>
    public required double AttentionScale { get; init; }

    /// <summary>scores = cap · tanh(scores / cap) before the mask (Gemma 2).</summary>
    public double? AttentionSoftCap { get; init; }

    public double? LogitSoftCap { get; init; }

    /// <summary>Last names of projections that get an adapter beside query and value where nobody names any.</summary>
    public ImmutableArray<string> FurtherAdapters { get; init; } = [];

    /// <summary>Tensors that old files carry and that are no weights (mask buffers and the like): ignored when loading, kept when saving.</summary>
    public required Func<string, bool> IsBuffer { get; init; }

    /// <summary>Some files leave this prefix off every name (GPT-2 on the hub).</summary>
    public string OptionalPrefix { get; init; } = "";

    /// <summary>Every weight the file must hold, in ordinal order of names.</summary>
    public IEnumerable<TensorSpec> Tensors
    {
        get
        {
            var all = Layers.SelectMany(layer => layer.Tensors).Concat(FinalNorm.Tensors).Append(new TensorSpec(Embedding, [Vocabulary, Hidden]));
            all = PositionEmbedding is null ? all : all.Append(new TensorSpec(PositionEmbedding, [MaxPositions, Hidden]));
            all = Head is null ? all : all.Concat(Head.Tensors);
            return all.OrderBy(tensor => tensor.Name, StringComparer.Ordinal);
        }
    }
}
