using System.Text.Json;
using Orchestrator.Training.Models;
using static TorchSharp.torch;

namespace Orchestrator.Training.Quickstart;

/// <summary>An untrained Llama of some 400,000 parameters, with a tokenizer learnt from the texts it will be trained on.</summary>
public static class QuickstartModel
{
    private const int Vocabulary = 768;

    /// <summary>Longest sequence, tokens.</summary>
    public const int Positions = 128;

    /// <summary>Writes a Hugging Face model directory; the same texts and seed give the same bytes.</summary>
    public static void Create(IEnumerable<string> texts, long seed, string directory)
    {
        var vocabulary = BpeTrainer.Train(texts, Vocabulary, directory);
        var config = new ModelConfig(Path.Combine(directory, "config.json"), JsonSerializer.Serialize(Config(vocabulary), Indented));
        using var model = ModelDirectory.Create(config, seed, CPU);
        ModelDirectory.Save(model, null, directory);
    }

    private static JsonSerializerOptions Indented { get; } = new() { WriteIndented = true };

    private static object Config(int vocabulary) => new
    {
        architectures = new[] { "LlamaForCausalLM" },
        model_type = "llama",
        hidden_act = "silu",
        hidden_size = 96,
        intermediate_size = 256,
        num_hidden_layers = 3,
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
