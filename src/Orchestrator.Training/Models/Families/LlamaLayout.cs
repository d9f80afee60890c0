using System.Collections.Immutable;

namespace Orchestrator.Training.Models.Families;

/// <summary>
/// The layout that Llama gave to most families after it: pre-norm blocks, rotary positions, grouped queries, gated MLP, and the tensor names
/// model.layers.N.self_attn.q_proj and so on. A family states where it differs.
/// </summary>
internal sealed record LlamaLayout
{
    public bool QkvBias { get; init; }

    public bool OutBias { get; init; }

    public bool MlpBias { get; init; }

    /// <summary>One tensor for q, k and v, and one for gate and up (Phi-3).</summary>
    public bool Fused { get; init; }

    public bool HeadNorms { get; init; }

    public bool NormPlusOne { get; init; }

    /// <summary>Four norms a block: before and after attention, before and after the MLP (Gemma 2).</summary>
    public bool Sandwich { get; init; }

    public bool TiedByDefault { get; init; }

    public required string Activation { get; init; }

    public Func<int, int?> Window { get; init; } = _ => null;

    public DecoderSpec Describe(ModelConfig config)
    {
        var (hidden, heads) = (config.Int("hidden_size"), config.Int("num_attention_heads"));
        var headSize = config.Int("head_dim", hidden / heads);
        var shape = new Shape(hidden, heads, config.Int("num_key_value_heads", heads), headSize, config.Int("intermediate_size"), config.Number("rms_norm_eps", 1e-6));
        if (shape.KeyValueHeads < 1 || heads % shape.KeyValueHeads != 0)
        {
            throw config.Unsupported("num_key_value_heads", $"it must divide num_attention_heads, which is {heads}");
        }

        CheckLayerTypes(config);
        return new DecoderSpec
        {
            Vocabulary = config.Int("vocab_size"),
            Hidden = hidden,
            Heads = heads,
            KeyValueHeads = shape.KeyValueHeads,
            HeadSize = headSize,
            Layers = [.. Enumerable.Range(0, config.Int("num_hidden_layers")).Select(layer => Layer(config, shape, layer))],
            FinalNorm = Norm("model.norm", hidden, shape.Epsilon),
            Embedding = "model.embed_tokens.weight",
            MaxPositions = config.Int("max_position_embeddings", 2048),
            Rope = RotaryPositions.Whole(config, headSize),
            Head = config.Flag("tie_word_embeddings", TiedByDefault) ? null : new LinearSpec("lm_head", hidden, config.Int("vocab_size")),
            AttentionScale = 1 / Math.Sqrt(headSize),
            IsBuffer = name => name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal),
        };
    }

    // Newer files say of each layer what the family's other keys say already.
    private void CheckLayerTypes(ModelConfig config)
    {
        if (!config.Has("layer_types"))
        {
            return;
        }

        var found = config.Element("layer_types").EnumerateArray().Select(type => type.GetString()).ToArray();
        string[] needed = [.. Enumerable.Range(0, config.Int("num_hidden_layers")).Select(layer => Window(layer) is null ? "full_attention" : "sliding_attention")];
        if (!needed.SequenceEqual(found))
        {
            throw config.Unsupported("layer_types", $"by the other keys of this file: {string.Join(", ", needed)}");
        }
    }

    private sealed record Shape(int Hidden, int Heads, int KeyValueHeads, int HeadSize, int Intermediate, double Epsilon);

    private LayerSpec Layer(ModelConfig config, Shape shape, int layer)
    {
        var at = $"model.layers.{layer}";
        NormSpec Named(string name) => Norm($"{at}.{name}", shape.Hidden, shape.Epsilon);
        return new LayerSpec(
            Named("input_layernorm"),
            new QkvSpec(Qkv($"{at}.self_attn", shape)),
            new LinearSpec($"{at}.self_attn.o_proj", shape.Heads * shape.HeadSize, shape.Hidden, OutBias),
            Named(Sandwich ? "pre_feedforward_layernorm" : "post_attention_layernorm"),
            Mlp(config, $"{at}.mlp", shape))
        {
            QueryNorm = HeadNorms ? Norm($"{at}.self_attn.q_norm", shape.HeadSize, shape.Epsilon) : null,
            KeyNorm = HeadNorms ? Norm($"{at}.self_attn.k_norm", shape.HeadSize, shape.Epsilon) : null,
            AfterAttention = Sandwich ? Named("post_attention_layernorm") : null,
            AfterMlp = Sandwich ? Named("post_feedforward_layernorm") : null,
            Window = Window(layer),
        };
    }

    private ImmutableArray<LinearSpec> Qkv(string at, Shape shape)
    {
        var (query, key) = (shape.Heads * shape.HeadSize, shape.KeyValueHeads * shape.HeadSize);
        return Fused
            ? [new($"{at}.qkv_proj", shape.Hidden, query + 2 * key, QkvBias)]
            : [new($"{at}.q_proj", shape.Hidden, query, QkvBias), new($"{at}.k_proj", shape.Hidden, key, QkvBias), new($"{at}.v_proj", shape.Hidden, key, QkvBias)];
    }

    private MlpSpec Mlp(ModelConfig config, string at, Shape shape)
    {
        ImmutableArray<LinearSpec> into = Fused
            ? [new($"{at}.gate_up_proj", shape.Hidden, 2 * shape.Intermediate, MlpBias)]
            : [new($"{at}.gate_proj", shape.Hidden, shape.Intermediate, MlpBias), new($"{at}.up_proj", shape.Hidden, shape.Intermediate, MlpBias)];
        return new MlpSpec(into, new LinearSpec($"{at}.down_proj", shape.Intermediate, shape.Hidden, MlpBias), Activations.Named(config, Activation), Gated: true);
    }

    private NormSpec Norm(string name, int size, double epsilon) => new(name, size, epsilon, Rms: true, NormPlusOne);
}
