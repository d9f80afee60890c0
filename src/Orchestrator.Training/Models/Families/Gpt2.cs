namespace Orchestrator.Training.Models.Families;

/// <summary>GPT-2: learned positions, LayerNorm, one fused projection for q, k, v; matrices stored as [in, out].</summary>
internal static class Gpt2
{
    public static DecoderSpec Describe(ModelConfig config)
    {
        config.Require("scale_attn_by_inverse_layer_idx", "false");
        config.Require("add_cross_attention", "false");
        var (hidden, heads, vocabulary) = (config.Int("n_embd"), config.Int("n_head"), config.Int("vocab_size"));
        var epsilon = config.Number("layer_norm_epsilon", 1e-5);
        return new DecoderSpec
        {
            Vocabulary = vocabulary,
            Hidden = hidden,
            Heads = heads,
            KeyValueHeads = heads,
            HeadSize = hidden / heads,
            Layers = [.. Enumerable.Range(0, config.Int("n_layer")).Select(layer => Layer(config, hidden, epsilon, layer))],
            FinalNorm = new NormSpec("transformer.ln_f", hidden, epsilon, Rms: false),
            Embedding = "transformer.wte.weight",
            PositionEmbedding = "transformer.wpe.weight",
            MaxPositions = config.Int("n_positions"),
            Head = config.Flag("tie_word_embeddings", true) ? null : new LinearSpec("lm_head", hidden, vocabulary),
            AttentionScale = config.Flag("scale_attn_weights", true) ? 1 / Math.Sqrt((double)hidden / heads) : 1,
            IsBuffer = name => name.EndsWith(".attn.bias", StringComparison.Ordinal) || name.EndsWith(".attn.masked_bias", StringComparison.Ordinal),
            OptionalPrefix = "transformer.",
        };
    }

    private static LayerSpec Layer(ModelConfig config, int hidden, double epsilon, int layer)
    {
        var at = $"transformer.h.{layer}";
        var inner = config.Int("n_inner", 4 * hidden);
        LinearSpec Linear(string name, int from, int to) => new($"{at}.{name}", from, to, Bias: true, Transposed: true);
        return new LayerSpec(
            new NormSpec($"{at}.ln_1", hidden, epsilon, Rms: false),
            new QkvSpec([Linear("attn.c_attn", hidden, 3 * hidden)]),
            Linear("attn.c_proj", hidden, hidden),
            new NormSpec($"{at}.ln_2", hidden, epsilon, Rms: false),
            new MlpSpec([Linear("mlp.c_fc", hidden, inner)], Linear("mlp.c_proj", inner, hidden), Activations.Of(config, "activation_function", "gelu_new"), Gated: false));
    }
}
