using Orchestrator.Training.Models;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Models;

/// <summary>Fresh models of a few thousand weights, for tests that must run on every machine.</summary>
public static class TinyModel
{
    public const int Vocabulary = 61;

    public static TheoryData<string> Kinds => ["gpt2", "gpt_neox", "llama", "mistral", "qwen3", "gemma2", "phi"];

    /// <summary>initializer_range is large, so that logits differ visibly and a mistake shows.</summary>
    public static CausalLM Create(string kind, long seed = 1) => ModelDirectory.Create(new ModelConfig($"{kind}/config.json", Config(kind)), seed, CPU);

    public static string Config(string kind) => kind switch
    {
        "gpt2" => """{"model_type":"gpt2","n_embd":24,"n_head":3,"n_layer":2,"n_positions":48,"vocab_size":61,"initializer_range":0.4}""",
        "gpt_neox" => $$"""{"model_type":"gpt_neox","rotary_pct":0.25,{{Shape}},"num_attention_heads":3}""",
        "llama" => $$"""{"model_type":"llama","rms_norm_eps":1e-5,{{Shape}},{{Grouped}}}""",
        "mistral" => $$"""{"model_type":"mistral","sliding_window":5,{{Shape}},{{Grouped}}}""",
        "qwen3" => $$"""{"model_type":"qwen3","head_dim":10,{{Shape}},{{Grouped}}}""",
        "gemma2" => $$"""{"model_type":"gemma2","sliding_window":5,"head_dim":6,"query_pre_attn_scalar":9,"attn_logit_softcapping":5.0,"final_logit_softcapping":8.0,{{Shape}},{{Grouped}}}""",
        "phi" => $$"""{"model_type":"phi",{{Shape}},"num_attention_heads":3}""",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    /// <summary>Ids that look like nothing in particular, the same for the same arguments.</summary>
    public static int[] Ids(int count, long seed = 1)
    {
        var random = new Orchestrator.Core.SplitMix64(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(Vocabulary))];
    }

    private const string Shape = """
        "hidden_size":24,"num_hidden_layers":2,"intermediate_size":32,"vocab_size":61,"max_position_embeddings":48,"initializer_range":0.4
        """;

    private const string Grouped = """
        "num_attention_heads":4,"num_key_value_heads":2
        """;
}
