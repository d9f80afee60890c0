namespace Orchestrator.Training.Models.Families;

/// <summary>GPT-NeoX and Pythia: q, k, v fused head by head, rotary positions on part of each head, attention and MLP side by side.</summary>
internal static class GptNeoX
{
    public static DecoderSpec Describe(ModelConfig config)
    {
        var (hidden, heads, vocabulary) = (config.Int("hidden_size"), config.Int("num_attention_heads"), config.Int("vocab_size"));
        var epsilon = config.Number("layer_norm_eps", 1e-5);
        var headSize = hidden / heads;
        return new DecoderSpec
        {
            Vocabulary = vocabulary,
            Hidden = hidden,
            Heads = heads,
            KeyValueHeads = heads,
            HeadSize = headSize,
            Layers = [.. Enumerable.Range(0, config.Int("num_hidden_layers")).Select(layer => Layer(config, hidden, epsilon, layer))],
            FinalNorm = new NormSpec("gpt_neox.final_layer_norm", hidden, epsilon, Rms: false),
            Embedding = "gpt_neox.embed_in.weight",
            MaxPositions = config.Int("max_position_embeddings"),
            Rope = RotaryPositions.Describe(config, headSize, 0.25, "rotary_pct", config.Has("rotary_emb_base") ? "rotary_emb_base" : "rope_theta"),
            Head = config.Flag("tie_word_embeddings", false) ? null : new LinearSpec("embed_out", hidden, vocabulary),
            TiedHeadName = "embed_out.weight",
            AttentionScale = 1 / Math.Sqrt(headSize),
            IsBuffer = name => name.EndsWith(".attention.bias", StringComparison.Ordinal)
                || name.EndsWith(".attention.masked_bias", StringComparison.Ordinal)
                || name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal),
        };
    }

    private static LayerSpec Layer(ModelConfig config, int hidden, double epsilon, int layer)
    {
        var at = $"gpt_neox.layers.{layer}";
        var (inner, bias) = (config.Int("intermediate_size"), config.Flag("attention_bias", true));
        return new LayerSpec(
            new NormSpec($"{at}.input_layernorm", hidden, epsilon, Rms: false),
            new QkvSpec([new($"{at}.attention.query_key_value", hidden, 3 * hidden, bias)], FusedLayout.PerHead),
            new LinearSpec($"{at}.attention.dense", hidden, hidden, bias),
            new NormSpec($"{at}.post_attention_layernorm", hidden, epsilon, Rms: false),
            new MlpSpec(
                [new($"{at}.mlp.dense_h_to_4h", hidden, inner, Bias: true)],
                new LinearSpec($"{at}.mlp.dense_4h_to_h", inner, hidden, Bias: true),
                Activations.Of(config, "hidden_act", "gelu"),
                Gated: false))
        {
            Parallel = config.Flag("use_parallel_residual", true),
        };
    }
}
