using System.Text.Json;
using Orchestrator.Training.Models;
using Orchestrator.Training.Quickstart;
using static TorchSharp.torch;

namespace Orchestrator.Chaos;

/// <summary>A Llama of some 60,000 parameters and preference pairs from a grammar, made here: a real model, small enough that faults and not arithmetic fill the time.</summary>
internal static class ChaosModel
{
    private const int Reviews = 512;

    /// <summary>Writes "model" and "pairs.jsonl" into the folder.</summary>
    public static void Write(string folder)
    {
        var reviews = Enumerable.Range(0, Reviews).Select(new ReviewGrammar(11).Write).ToArray();
        var directory = Path.Combine(folder, "model");
        var vocabulary = BpeTrainer.Train(reviews.Select(review => review.Prompt + review.Completion), 384, directory);
        var config = new ModelConfig(Path.Combine(directory, "config.json"), JsonSerializer.Serialize(Config(vocabulary)));
        using (var model = ModelDirectory.Create(config, 5, CPU))
        {
            ModelDirectory.Save(model, null, directory);
        }

        File.WriteAllLines(Path.Combine(folder, "pairs.jsonl"), reviews.Select((review, i) =>
            JsonSerializer.Serialize(new { prompt = review.Prompt, chosen = review.Completion, rejected = reviews[(i + 1) % Reviews].Completion })));
    }

    private static object Config(int vocabulary) => new
    {
        architectures = new[] { "LlamaForCausalLM" },
        model_type = "llama",
        hidden_act = "silu",
        hidden_size = 48,
        intermediate_size = 128,
        num_hidden_layers = 2,
        num_attention_heads = 4,
        num_key_value_heads = 4,
        max_position_embeddings = 128,
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
