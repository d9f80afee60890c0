using Orchestrator.Core;
using Orchestrator.Training.Models;
using static TorchSharp.torch;

namespace Orchestrator.Benchmarks.Native;

/// <summary>Forward and backward of a small Llama on leaves of random tokens: allocates and multiplies as a training step does.</summary>
internal sealed class StepLoop : IDisposable
{
    private readonly CausalLM _model;
    private readonly SplitMix64 _random = new(5);
    private readonly int _vocabulary;
    private readonly int _tokens;

    /// <param name="vocabulary">32,000 gives the shape of llama2.c's stories15M.</param>
    /// <param name="tokens">In a leaf of the largest size.</param>
    public StepLoop(int vocabulary, int tokens)
    {
        (_vocabulary, _tokens) = (vocabulary, tokens);
        _model = ModelDirectory.Create(new ModelConfig("config.json", Config(vocabulary)), 1, CPU);
        using var guard = no_grad();
        foreach (var (_, parameter) in _model.Parameters)
        {
            parameter.grad = zeros_like(parameter);
        }
    }

    /// <summary>One leaf of [rows, length], lengths differing from call to call.</summary>
    /// <param name="chunked">Log-probabilities in chunks; else [tokens, vocabulary] at once.</param>
    public void Step(bool chunked)
    {
        using var scope = NewDisposeScope();
        var length = 32 + _random.Next(224);
        var rows = Math.Max(1, _tokens / length);
        var ids = randint(_vocabulary, new long[] { rows, length }, ScalarType.Int64);
        var hidden = _model.Hidden(ids);
        var targets = ids.flatten();
        var logps = chunked
            ? TokenLogProbs.Of(_model, hidden.view(rows * length, -1), [.. Enumerable.Range(0, rows * length).Select(i => (long)i)], targets.data<long>().ToArray())
            : _model.Logits(hidden).log_softmax(-1).gather(-1, ids.unsqueeze(-1));
        (-logps.sum()).backward();
    }

    public void Dispose() => _model.Dispose();

    private static string Config(int vocabulary) =>
        $$"""
        {"model_type":"llama","hidden_size":288,"intermediate_size":768,"num_hidden_layers":6,"num_attention_heads":6,"num_key_value_heads":6,
         "vocab_size":{{vocabulary}},"max_position_embeddings":1024,"rms_norm_eps":1e-5,"tie_word_embeddings":true,"initializer_range":0.02}
        """;
}
