using Orchestrator.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Models;

/// <summary>Checkpointing and bf16 products: options that change memory and speed, and results not at all or within rounding.</summary>
public sealed class ComputeOptionsTests
{
    [Theory]
    [MemberData(nameof(TinyModel.Kinds), MemberType = typeof(TinyModel))]
    public void Checkpointing_changes_no_bit_of_values_or_gradients(string kind)
    {
        using var model = TinyModel.Create(kind);
        using var scope = NewDisposeScope();

        // Once before, so that every weight has a gradient to add to both times: order decides the last bit.
        Step(model);
        var (expected, gradients) = Step(model);
        model.Checkpointing = true;
        var (found, again) = Step(model);
        PackedForwardTests.AssertClose(expected, found, 0);
        Assert.All(gradients, pair => PackedForwardTests.AssertClose(pair.Value, again[pair.Key], 0));
        Assert.Contains(gradients, pair => pair.Value.abs().max().item<float>() > 0);
    }

    [Fact]
    public void A_checkpointed_step_leaves_no_tensor_behind_and_frozen_embeddings_do_not_stop_the_gradient()
    {
        using var model = TinyModel.Create("mistral");
        model[model.Spec.Embedding].requires_grad_(false);
        model.Checkpointing = true;
        Assert.True(Live(model) > 0);
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        Live(model);
        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    [Theory]
    [MemberData(nameof(TinyModel.Kinds), MemberType = typeof(TinyModel))]
    public void Products_in_bf16_agree_within_their_rounding_and_leave_weights_and_gradients_in_fp32(string kind)
    {
        using var model = TinyModel.Create(kind);
        using var scope = NewDisposeScope();
        using (no_grad())
        {
            // Of ordinary size: the tiny models' own weights are large, and so would be the rounding.
            model.Parameters.Where(p => p.Parameter.dim() == 2).ToList().ForEach(p => p.Parameter.mul_(0.25));
        }

        var (expected, gradients) = Step(model);
        model.Compute = ScalarType.BFloat16;
        var (found, rounded) = Step(model);
        Assert.Equal(ScalarType.Float32, found.dtype);
        PackedForwardTests.AssertClose(expected, found, 0.05);
        Assert.True((expected - found).abs().max().item<float>() > 1e-6);
        foreach (var (name, gradient) in gradients.Where(pair => pair.Value.norm().item<float>() > 1e-3))
        {
            Assert.Equal(ScalarType.Float32, rounded[name].dtype);
            var cosine = (gradient * rounded[name]).sum() / (gradient.norm() * rounded[name].norm());
            Assert.True(cosine.item<float>() > 0.99, $"{name}: {cosine.item<float>()}");
        }
    }

    [Fact]
    public void Fp16_is_refused_because_its_loss_would_need_scaling()
    {
        using var model = TinyModel.Create("llama");
        Assert.Contains("not in Float16", Assert.Throws<NotSupportedException>(() => model.Compute = ScalarType.Float16).Message, StringComparison.Ordinal);
    }

    private static double Live(CausalLM model)
    {
        using var scope = NewDisposeScope();
        return Step(model).Gradients.Where(pair => pair.Key.Contains("layers.0", StringComparison.Ordinal)).Min(pair => pair.Value.abs().max().item<float>());
    }

    private static (Tensor LogProbs, Dictionary<string, Tensor> Gradients) Step(CausalLM model)
    {
        var batch = new PackedBatch();
        batch.AddPair(TinyModel.Ids(9, 1), TinyModel.Ids(7, 2), TinyModel.Ids(12, 3));
        batch.AddPair(TinyModel.Ids(4, 4), TinyModel.Ids(11, 5), TinyModel.Ids(3, 6));
        var logps = TokenLogProbs.Of(model, model.Hidden(batch.Tokens), batch.At, batch.Targets, chunk: 10);
        BackwardPass.Run((logps * arange(logps.size(0), device: logps.device) / 10).sum());
        return (logps.detach(), PackedForwardTests.Gradients(model));
    }
}
