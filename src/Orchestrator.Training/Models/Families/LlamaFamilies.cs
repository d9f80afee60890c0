namespace Orchestrator.Training.Models.Families;

/// <summary>The families that share Llama's layout, each by what it changes.</summary>
internal static class LlamaFamilies
{
    public static DecoderSpec Llama(ModelConfig config)
    {
        var bias = config.Flag("attention_bias", false);
        return new LlamaLayout
        {
            Activation = "hidden_act",
            QkvBias = bias,
            OutBias = bias,
            MlpBias = config.Flag("mlp_bias", false),
        }.Describe(config);
    }

    public static DecoderSpec Mistral(ModelConfig config)
    {
        var window = Window(config);
        return new LlamaLayout { Activation = "hidden_act", Window = _ => window }.Describe(config);
    }

    public static DecoderSpec Qwen2(ModelConfig config) =>
        new LlamaLayout { Activation = "hidden_act", QkvBias = true, Window = QwenWindow(config) }.Describe(config);

    public static DecoderSpec Qwen3(ModelConfig config)
    {
        var bias = config.Flag("attention_bias", false);
        var layout = new LlamaLayout { Activation = "hidden_act", QkvBias = bias, OutBias = bias, HeadNorms = true, Window = QwenWindow(config) };
        return layout.Describe(config);
    }

    public static DecoderSpec Gemma(ModelConfig config) => Scaled(OfGemma(config).Describe(config));

    public static DecoderSpec Gemma2(ModelConfig config)
    {
        var window = config.Int("sliding_window", 4096);
        var spec = (OfGemma(config) with { Sandwich = true, Window = layer => layer % 2 == 0 ? window : null }).Describe(config);
        return Scaled(spec) with
        {
            AttentionScale = 1 / Math.Sqrt(config.Number("query_pre_attn_scalar", spec.HeadSize)),
            AttentionSoftCap = config.Has("attn_logit_softcapping") ? config.Number("attn_logit_softcapping") : null,
            LogitSoftCap = config.Has("final_logit_softcapping") ? config.Number("final_logit_softcapping") : null,
        };
    }

    public static DecoderSpec Phi3(ModelConfig config)
    {
        var window = config.Has("sliding_window") ? config.Int("sliding_window") : (int?)null;
        return new LlamaLayout { Activation = "hidden_act", Fused = true, Window = _ => window }.Describe(config);
    }

    // Old files of Gemma say "gelu" in hidden_act and mean its tanh form.
    private static LlamaLayout OfGemma(ModelConfig config)
    {
        config.Require("use_bidirectional_attention", "false");
        config.Require("hidden_act", "gelu", "gelu_new", "gelu_pytorch_tanh");
        var bias = config.Flag("attention_bias", false);
        return new LlamaLayout
        {
            Activation = config.Has("hidden_activation") ? "hidden_activation" : "gelu_pytorch_tanh",
            QkvBias = bias,
            OutBias = bias,
            NormPlusOne = true,
            TiedByDefault = true,
        };
    }

    /// <summary>null says that there is none; a file that says nothing means the families' 4096.</summary>
    private static int? Window(ModelConfig config) => config.Has("sliding_window") ? config.Int("sliding_window") : config.Keys.Contains("sliding_window") ? null : 4096;

    private static DecoderSpec Scaled(DecoderSpec spec) => spec with { EmbeddingScale = Math.Sqrt(spec.Hidden) };

    private static Func<int, int?> QwenWindow(ModelConfig config)
    {
        if (!config.Flag("use_sliding_window", false) || Window(config) is not { } window)
        {
            return _ => null;
        }

        var full = config.Int("max_window_layers", 28);
        return layer => layer >= full ? window : null;
    }
}
