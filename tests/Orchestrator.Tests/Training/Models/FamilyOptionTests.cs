using Orchestrator.Training.Models;
using Orchestrator.Training.Models.Families;

namespace Orchestrator.Tests.Training.Models;

/// <summary>What a config.json may say beside its shape: computed as it says, or refused by name.</summary>
public sealed class FamilyOptionTests
{
    private const string Shape = """
        "hidden_size":24,"num_hidden_layers":3,"intermediate_size":32,"vocab_size":61,"max_position_embeddings":48,"num_attention_heads":3
        """;

    private const string Gpt2Shape = """
        "n_embd":24,"n_head":3,"n_layer":1,"n_positions":48,"vocab_size":61
        """;

    [Theory]
    [InlineData("bert", "\"x\":1", "model_type is bert")]
    [InlineData("llama", "\"quantization_config\":{\"bits\":4}", "quantization_config")]
    [InlineData("llama", "\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4}", "rope_type is yarn")]
    [InlineData("phi3", "\"rope_scaling\":{\"type\":\"longrope\",\"long_factor\":[1]}", "type is longrope")]
    [InlineData("llama", "\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"default\"}}", "full_attention")]
    [InlineData("llama", "\"partial_rotary_factor\":0.5", "partial_rotary_factor is 0.5")]
    [InlineData("phi3", "\"rope_parameters\":{\"rope_type\":\"default\",\"partial_rotary_factor\":0.75}", "partial_rotary_factor is 0.75")]
    [InlineData("llama", "\"hidden_act\":\"mish\"", "hidden_act is mish")]
    [InlineData("gemma", "\"hidden_act\":\"silu\"", "hidden_act is silu")]
    [InlineData("gemma2", "\"hidden_activation\":\"mish\"", "hidden_activation is mish")]
    [InlineData("gemma2", "\"use_bidirectional_attention\":true", "use_bidirectional_attention is true")]
    [InlineData("gpt2", "\"scale_attn_by_inverse_layer_idx\":true", "scale_attn_by_inverse_layer_idx is true")]
    [InlineData("gpt2", "\"add_cross_attention\":true", "add_cross_attention is true")]
    [InlineData("gpt2", "\"activation_function\":\"mish\"", "activation_function is mish")]
    [InlineData("gpt_neox", "\"hidden_act\":\"mish\"", "hidden_act is mish")]
    [InlineData("phi", "\"qk_layernorm\":true", "qk_layernorm is true")]
    [InlineData("phi", "\"tie_word_embeddings\":true", "tie_word_embeddings is true")]
    [InlineData("qwen2", "\"num_key_value_heads\":2", "num_key_value_heads is 2")]
    [InlineData("qwen2", "\"layer_types\":[\"full_attention\",\"sliding_attention\",\"full_attention\"]", "layer_types")]
    [InlineData("qwen3", "\"layer_types\":[\"full_attention\",\"full_attention\"]", "layer_types")]
    [InlineData("gemma2", "\"layer_types\":[\"full_attention\",\"full_attention\",\"full_attention\"]", "layer_types")]
    public void What_is_not_computed_is_refused_with_file_key_and_value(string family, string option, string says)
    {
        var error = Assert.Throws<NotSupportedException>(() => Describe(family, option));
        Assert.StartsWith("made/config.json", error.Message, StringComparison.Ordinal);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("llama", "\"attention_bias\":true", "model.layers.0.self_attn.o_proj.bias", true)]
    [InlineData("llama", "\"mlp_bias\":true", "model.layers.0.mlp.down_proj.bias", true)]
    [InlineData("llama", "\"mlp_bias\":true", "model.layers.0.self_attn.q_proj.bias", false)]
    [InlineData("qwen2", "\"x\":1", "model.layers.0.self_attn.q_proj.bias", true)]
    [InlineData("qwen2", "\"x\":1", "model.layers.0.self_attn.o_proj.bias", false)]
    [InlineData("qwen3", "\"attention_bias\":true", "model.layers.0.self_attn.o_proj.bias", true)]
    [InlineData("qwen3", "\"x\":1", "model.layers.0.self_attn.k_norm.weight", true)]
    [InlineData("gemma", "\"attention_bias\":true", "model.layers.0.self_attn.v_proj.bias", true)]
    [InlineData("gpt_neox", "\"attention_bias\":false", "gpt_neox.layers.0.attention.dense.bias", false)]
    [InlineData("gpt_neox", "\"tie_word_embeddings\":true", "embed_out.weight", false)]
    [InlineData("llama", "\"tie_word_embeddings\":true", "lm_head.weight", false)]
    [InlineData("gemma2", "\"x\":1", "lm_head.weight", false)]
    [InlineData("gemma2", "\"tie_word_embeddings\":false", "lm_head.weight", true)]
    [InlineData("gpt2", "\"tie_word_embeddings\":false", "lm_head.weight", true)]
    public void Options_decide_which_tensors_there_are(string family, string option, string tensor, bool there) =>
        Assert.Equal(there, Describe(family, option).Tensors.Any(spec => spec.Name == tensor));

    [Theory]
    [InlineData("mistral", "\"sliding_window\":7", 7, 7, 7)]
    [InlineData("mistral", "\"sliding_window\":null", null, null, null)]
    [InlineData("mistral", "\"x\":1", 4096, 4096, 4096)]
    [InlineData("qwen2", "\"sliding_window\":7", null, null, null)]
    [InlineData("qwen2", "\"sliding_window\":7,\"use_sliding_window\":true,\"max_window_layers\":1", null, 7, 7)]
    [InlineData("qwen3", "\"use_sliding_window\":true,\"max_window_layers\":2,\"layer_types\":[\"full_attention\",\"full_attention\",\"sliding_attention\"]", null, null, 4096)]
    [InlineData("gemma2", "\"sliding_window\":7,\"layer_types\":[\"sliding_attention\",\"full_attention\",\"sliding_attention\"]", 7, null, 7)]
    [InlineData("phi3", "\"sliding_window\":7", 7, 7, 7)]
    [InlineData("phi3", "\"x\":1", null, null, null)]
    [InlineData("llama", "\"sliding_window\":7", null, null, null)]
    public void Windows_are_those_of_the_family(string family, string option, int? first, int? second, int? third) =>
        Assert.Equal([first, second, third], Describe(family, option).Layers.Select(layer => layer.Window));

    [Fact]
    public void Scales_activations_and_residuals_are_as_the_file_says()
    {
        Assert.Equal(1, Describe("gpt2", "\"scale_attn_weights\":false").AttentionScale);
        Assert.Equal(1 / Math.Sqrt(8), Describe("gpt2", "\"x\":1").AttentionScale, 1e-12);
        Assert.Equal((10, 1 / Math.Sqrt(10)), (Describe("llama", "\"head_dim\":10").HeadSize, Describe("llama", "\"head_dim\":10").AttentionScale));
        Assert.Equal(Activation.GeluTanh, Describe("gemma", "\"hidden_act\":\"gelu\"").Layers[0].Mlp.Activation);
        Assert.Equal(Activation.Relu, Describe("gemma", "\"hidden_act\":\"gelu\",\"hidden_activation\":\"relu\"").Layers[0].Mlp.Activation);
        Assert.Equal(Activation.Gelu, Describe("llama", "\"hidden_act\":\"gelu\"").Layers[0].Mlp.Activation);
        Assert.False(Describe("gpt_neox", "\"use_parallel_residual\":false").Layers[0].Parallel);
        Assert.Equal((null, null), (Describe("gemma2", "\"x\":1").AttentionSoftCap, Describe("gemma2", "\"attn_logit_softcapping\":null").LogitSoftCap));
    }

    // Base 10000 over 4 values turns by 1 and 1/100 a position.
    [Theory]
    [InlineData("\"x\":1", 1, 0.01, 1, 0.01)]
    [InlineData("\"rope_theta\":40000", 1, 0.005, 1, 0.005)]
    [InlineData("\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":40000}", 1, 0.005, 1, 0.005)]
    [InlineData("\"rope_theta\":40000,\"rope_parameters\":{\"rope_type\":\"default\"}", 1, 0.005, 1, 0.005)]
    [InlineData("\"rope_scaling\":{\"type\":\"linear\",\"factor\":4.0}", 0.25, 0.0025, 0.25, 0.0025)]
    [InlineData("\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":4.0,\"rope_theta\":40000}", 0.25, 0.00125, 0.25, 0.00125)]
    // Of 96 tokens where 48 were meant: the base times (2 · 96/48 - 1)^(4/2) = 9.
    [InlineData("\"rope_scaling\":{\"rope_type\":\"dynamic\",\"factor\":2.0}", 1, 0.01, 1, 1 / 300.0)]
    // Turns in 100 positions: 100/2π = 15.9, above 4: kept; 0.159, below 1: divided by 8.
    [InlineData("\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1,\"high_freq_factor\":4,\"original_max_position_embeddings\":100}", 1, 0.00125, 1, 0.00125)]
    // In 1000: 1.59, between: kept to (1.5915 - 1)/3 = 0.19718, the rest divided by 8.
    [InlineData("\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1,\"high_freq_factor\":4,\"original_max_position_embeddings\":1000}", 1, 0.0029753, 1, 0.0029753)]
    public void Positions_turn_as_the_file_says(string option, double first, double second, double longFirst, double longSecond)
    {
        var rope = Describe("llama", "\"head_dim\":4," + option).Rope!;
        Assert.Equal([first, second], rope.Frequencies(48), (a, b) => Math.Abs(a - b) < 1e-7);
        Assert.Equal([longFirst, longSecond], rope.Frequencies(96), (a, b) => Math.Abs(a - b) < 1e-7);
    }

    // 24 / 3 = 8 values a head.
    [Theory]
    [InlineData("phi", "\"x\":1", 4)]
    [InlineData("phi", "\"partial_rotary_factor\":0.75", 6)]
    [InlineData("phi", "\"rope_parameters\":{\"rope_type\":\"default\",\"partial_rotary_factor\":0.75}", 6)]
    [InlineData("gpt_neox", "\"x\":1", 2)]
    [InlineData("gpt_neox", "\"rotary_pct\":1.0", 8)]
    [InlineData("gpt_neox", "\"rope_parameters\":{\"rope_type\":\"default\",\"partial_rotary_factor\":0.5}", 4)]
    [InlineData("llama", "\"partial_rotary_factor\":1.0", 8)]
    public void So_much_of_a_head_turns(string family, string option, int values) => Assert.Equal(values, Describe(family, option).Rope!.Dimension);

    private static DecoderSpec Describe(string family, string option) =>
        Family.Describe(new ModelConfig("made/config.json", $$"""{"model_type":"{{family}}",{{(family == "gpt2" ? Gpt2Shape : Shape)}},{{option}}}"""));
}
