namespace Orchestrator.Training.Models.Families;

/// <summary>Phi-1 and Phi-2: one LayerNorm for attention and MLP side by side, rotary positions on part of each head, biases everywhere.</summary>
internal static class Phi
{
    public static DecoderSpec Describe(ModelConfig config)
    {
        config.Require("qk_layernorm", "false");
        var (hidden, heads, vocabulary) = (config.Int("hidden_size"), config.Int("num_attention_heads"), config.Int("vocab_size"));
        var epsilon = config.Number("layer_norm_eps", 1e-5);
        var headSize = hidden / heads;
        return new DecoderSpec
        {
            Vocabulary = vocabulary,
            Hidden = hidden,
            Heads = heads,
            KeyValueHeads = config.Int("num_key_value_heads", heads),
            HeadSize = headSize,
            Layers = [.. Enumerable.Range(0, config.Int("num_hidden_layers")).Select(layer => Layer(config, hidden, headSize, epsilon, layer))],
            FinalNorm = new NormSpec("model.final_layernorm", hidden, epsilon, Rms: false),
            Embedding = "model.embed_tokens.weight",
            MaxPositions = config.Int("max_position_embeddings"),
            Rope = RotaryPositions.Describe(config, headSize, 0.5),
            Head = config.Flag("tie_word_embeddings", false)
                ? throw config.Unsupported("tie_word_embeddings", "Phi's head has a bias of its own")
                : new LinearSpec("lm_head", hidden, vocabulary, Bias: true),
            AttentionScale = 1 / Math.Sqrt(headSize),
            FurtherAdapters = ["fc1", "fc2"],
            IsBuffer = name => name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal),
        };
    }

    private static LayerSpec Layer(ModelConfig config, int hidden, int headSize, double epsilon, int layer)
    {
        var at = $"model.layers.{layer}";
        var (inner, keys) = (config.Int("intermediate_size"), headSize * config.Int("num_key_value_heads", hidden / headSize));
        LinearSpec Linear(string name, int from, int to) => new($"{at}.{name}", from, to, Bias: true);
        return new LayerSpec(
            new NormSpec($"{at}.input_layernorm", hidden, epsilon, Rms: false),
            new QkvSpec([Linear("self_attn.q_proj", hidden, hidden), Linear("self_attn.k_proj", hidden, keys), Linear("self_attn.v_proj", hidden, keys)]),
            Linear("self_attn.dense", hidden, hidden),
            MlpNorm: null,
            new MlpSpec([Linear("mlp.fc1", hidden, inner)], Linear("mlp.fc2", inner, hidden), Activations.Of(config, "hidden_act", "gelu_new"), Gated: false))
        {
            Parallel = true,
        };
    }
}
