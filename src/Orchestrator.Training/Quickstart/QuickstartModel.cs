using System.Text.Json;
using Orchestrator.Training.Models;
using static TorchSharp.torch;

namespace Orchestrator.Training.Quickstart;

/// <summary>An untrained Llama of some 400,000 parameters, with a tokenizer learnt from the texts it will be trained on.</summary>
public static class QuickstartModel
{
    /// <summary>Longest sequence, tokens.</summary>
    public const int Positions = 128;

    /// <summary>Writes a Hugging Face model directory; the same texts, sizes and seed give the same bytes.</summary>
    /// <param name="vocabulary">Tokens at most.</param>
    /// <param name="hidden">Width, a multiple of 24; the feed-forward layers are 8/3 of it.</param>
    public static void Create(IEnumerable<string> texts, long seed, string directory, int vocabulary = 768, int hidden = 96, int layers = 3)
    {
        var config = new ModelConfig(Path.Combine(directory, "config.json"), JsonSerializer.Serialize(Config(BpeTrainer.Train(texts, vocabulary, directory), hidden, layers), Indented));
        using var model = ModelDirectory.Create(config, seed, CPU);
        ModelDirectory.Save(model, null, directory);
    }

    private static JsonSerializerOptions Indented { get; } = new() { WriteIndented = true };

    private static object Config(int vocabulary, int hidden, int layers) => new
    {
        architectures = new[] { "LlamaForCausalLM" },
        model_type = "llama",
        hidden_act = "silu",
        hidden_size = hidden,
        intermediate_size = hidden * 8 / 3,
        num_hidden_layers = layers,
        num_attention_heads = 4,
        num_key_value_heads = 4,
        max_position_embeddings = Positions,
        rms_norm_eps = 1e-5,
        rope_theta = 10000.0,
        initializer_range = 0.05,
        tie_word_embeddings = true,
        attention_bias = false,
        mlp_bias = false,
        bos_token_id = vocabulary - 1,
        eos_token_id = vocabulary - 1,
        torch_dtype = "float32",
        vocab_size = vocabulary,
    };
}
