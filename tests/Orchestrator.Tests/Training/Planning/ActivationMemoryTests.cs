using Orchestrator.Core;
using Orchestrator.Tests.Training.Models;
using Orchestrator.Training;
using Orchestrator.Training.Models;
using Orchestrator.Training.Planning;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Planning;

/// <summary>Against what the heap really gave out between the start of a forward pass and its end, where everything that backward needs is held.</summary>
[Collection(AloneOnTheHeap.Name)]
public sealed class ActivationMemoryTests
{
    private const string Shape = """
        "num_hidden_layers":4,"num_attention_heads":6,"vocab_size":2000,"hidden_size":192,"intermediate_size":512,"max_position_embeddings":1024
        """;

    [Theory]
    [InlineData("gpt2", "\"n_embd\":192,\"n_head\":6,\"n_layer\":4,\"n_positions\":1024,\"vocab_size\":2000", false, false)]
    [InlineData("gpt2", "\"n_embd\":192,\"n_head\":6,\"n_layer\":4,\"n_positions\":1024,\"vocab_size\":2000", true, false)]
    [InlineData("llama", "\"rms_norm_eps\":1e-5," + Shape + ",\"num_key_value_heads\":6", false, false)]
    [InlineData("llama", "\"rms_norm_eps\":1e-5," + Shape + ",\"num_key_value_heads\":2", false, false)]
    [InlineData("llama", "\"rms_norm_eps\":1e-5," + Shape + ",\"num_key_value_heads\":6", true, false)]
    [InlineData("gpt_neox", "\"rotary_pct\":0.25," + Shape, false, false)]
    [InlineData("mistral", "\"sliding_window\":128," + Shape + ",\"num_key_value_heads\":2", false, false)]
    [InlineData("qwen3", "\"head_dim\":32," + Shape + ",\"num_key_value_heads\":2", false, false)]
    [InlineData("gemma2", "\"sliding_window\":128,\"head_dim\":32,\"query_pre_attn_scalar\":32,\"attn_logit_softcapping\":50.0,\"final_logit_softcapping\":30.0," + Shape + ",\"num_key_value_heads\":2", false, false)]
    [InlineData("phi", Shape, false, false)]
    public void What_a_forward_pass_keeps_is_reckoned_within_a_tenth(string kind, string shape, bool half, bool checkpointing)
    {
        using var model = ModelDirectory.Create(new ModelConfig($"{kind}/config.json", $$"""{"model_type":"{{kind}}",{{shape}}}"""), 1, CPU);
        (model.Compute, model.Checkpointing) = (half ? ScalarType.BFloat16 : ScalarType.Float32, checkpointing);
        var (batch, load) = Pack();
        Forward(model, batch); // what is made once and kept
        var kept = Forward(model, batch);
        var reckoned = new ActivationMemory(model.Spec, half, frozen: false, [], 0).Saved(load, checkpointing);
        Assert.InRange((double)reckoned / kept, 0.9, 1.1);
        Assert.True(kept > 32 << 20, $"{kept} bytes are too few to show anything");
    }

    private static long Forward(CausalLM model, PackedBatch batch)
    {
        using var scope = NewDisposeScope();
        GC.Collect();
        GC.WaitForPendingFinalizers(); // else tensors that earlier tests left to the collector are freed in the middle of this
        var before = HeapInUse.Bytes();
        var logps = TrainStep.TokenLogps(model, batch, 256);
        var kept = HeapInUse.Bytes() - before;
        BackwardPass.Run(logps.sum());
        return kept;
    }

    private static (PackedBatch Batch, LeafLoad Load) Pack()
    {
        var (random, batch, load) = (new SplitMix64(4), new PackedBatch(), default(LeafLoad));
        int[] Ids(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(2000))];
        for (var row = 0; row < 8; row++)
        {
            var (prompt, chosen, rejected) = (1 + random.Next(256), 1 + random.Next(250), 1 + random.Next(250));
            batch.AddPair(Ids(prompt), Ids(chosen), Ids(rejected));
            load += LeafLoad.OfRow(prompt, chosen, rejected);
        }

        return (batch, load);
    }
}

/// <summary>Tests that read the process's heap: nothing else may run beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneOnTheHeap
{
    public const string Name = "alone on the heap";
}
