namespace Orchestrator.Training.Models.Families;

/// <summary>
/// The families this program computes, by model_type. To add one: a row here, and a function that says what its blocks are made of and what
/// its tensors are called.
/// </summary>
public static class Family
{
    private static readonly Dictionary<string, Func<ModelConfig, DecoderSpec>> Table = new(StringComparer.Ordinal)
    {
        ["gpt2"] = Gpt2.Describe,
        ["gpt_neox"] = GptNeoX.Describe,
        ["llama"] = LlamaFamilies.Llama,
        ["mistral"] = LlamaFamilies.Mistral,
        ["qwen2"] = LlamaFamilies.Qwen2,
        ["qwen3"] = LlamaFamilies.Qwen3,
        ["gemma"] = LlamaFamilies.Gemma,
        ["gemma2"] = LlamaFamilies.Gemma2,
        ["phi"] = Phi.Describe,
        ["phi3"] = LlamaFamilies.Phi3,
    };

    /// <exception cref="NotSupportedException">The family, or an option of it, is not computed here; nothing is approximated.</exception>
    public static DecoderSpec Describe(ModelConfig config)
    {
        if (!Table.TryGetValue(config.ModelType, out var describe))
        {
            throw config.Unsupported("model_type", $"supported: {string.Join(", ", Table.Keys)}");
        }

        if (config.Has("quantization_config"))
        {
            throw config.Unsupported("quantization_config", "save the model with 16- or 32-bit weights");
        }

        return describe(config);
    }
}
