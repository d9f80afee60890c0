using Orchestrator.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Models;

public sealed class TokenLogProbsTests
{
    private static readonly long[] At = [0, 3, 3, 1, 6, 5, 4, 0, 2];
    private static readonly long[] Targets = [7, 60, 0, 7, 31, 2, 2, 8, 59];

    /// <summary>Tied; with a head bias; with a soft cap and tied; untied without either.</summary>
    public static TheoryData<string, int, int> KindsChunksAndKeptRows => new()
    {
        { "gpt2", 4, 0 }, { "gpt2", 256, 0 }, { "phi", 1, 0 }, { "phi", 9, 0 }, { "gemma2", 4, 0 }, { "gemma2", 256, 0 }, { "llama", 2, 0 },
        { "gpt2", 4, 9 }, { "gpt2", 4, 5 }, { "phi", 3, 9 }, { "phi", 256, 1 }, { "gemma2", 4, 9 }, { "llama", 2, 7 },
    };

    [Theory]
    [MemberData(nameof(KindsChunksAndKeptRows))]
    public void Values_and_gradients_are_those_of_a_plain_log_softmax_whatever_the_chunk_and_whatever_is_kept(string kind, int chunk, int kept)
    {
        using var model = TinyModel.Create(kind);
        using var scope = NewDisposeScope();
        var weights = arange(1, At.Length + 1).to(ScalarType.Float32);
        var (hidden, plain) = (Hidden(model), Hidden(model));
        var logps = TokenLogProbs.Of(model, hidden, At, Targets, chunk, keepBytes: kept * model.Spec.Vocabulary * sizeof(float));
        BackwardPass.Run((logps * weights).sum());
        var found = PackedForwardTests.Gradients(model);
        var expected = Plain(model, plain);
        PackedForwardTests.AssertClose(expected, logps, 1e-5);
        (expected * weights).sum().backward();
        PackedForwardTests.AssertClose(plain.grad!, hidden.grad!, 1e-5 * plain.grad!.norm().item<float>());
        foreach (var (name, gradient) in PackedForwardTests.Gradients(model))
        {
            PackedForwardTests.AssertClose(gradient, found[name], 1e-5 * Math.Max(1, gradient.norm().item<float>()));
        }
    }

    [Fact]
    public void A_frozen_head_gets_no_gradient_and_the_hidden_states_the_same()
    {
        using var model = TinyModel.Create("phi");
        using var scope = NewDisposeScope();
        var (hidden, frozen) = (Hidden(model), Hidden(model));
        BackwardPass.Run(TokenLogProbs.Of(model, hidden, At, Targets, 4).sum());
        model["lm_head.weight"].requires_grad_(false);
        model["lm_head.bias"].requires_grad_(false);
        model["lm_head.weight"].grad = null;
        BackwardPass.Run(TokenLogProbs.Of(model, frozen, At, Targets, 4).sum());
        Assert.Null(model["lm_head.weight"].grad);
        PackedForwardTests.AssertClose(hidden.grad!, frozen.grad!, 0);
        Assert.False(TokenLogProbs.Of(model, frozen.detach(), At, Targets, 4).requires_grad);
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("phi")]
    public void Gradients_add_to_what_the_weights_have_already_and_in_the_same_memory(string kind)
    {
        using var model = TinyModel.Create(kind);
        using var scope = NewDisposeScope();
        var batch = new PackedBatch();
        batch.AddPair([5, 6, 7], [8, 9, 5], [5, 5]);
        void Backward() => BackwardPass.Run(TokenLogProbs.Of(model, model.Hidden(batch.Tokens), batch.At, batch.Targets, 2).sum());
        Backward();
        var fresh = PackedForwardTests.Gradients(model);
        foreach (var (name, parameter) in model.Parameters)
        {
            parameter.grad = full_like(parameter, 3f);
        }

        var memory = model[model.Spec.Embedding].grad!;
        Backward();
        Assert.All(fresh, pair => PackedForwardTests.AssertClose(pair.Value + 3, model[pair.Key].grad!, 1e-5 * Math.Max(1, pair.Value.norm().item<float>())));
        PackedForwardTests.AssertClose(model[model.Spec.Embedding].grad!, memory, 0);
    }

    [Fact]
    public void Under_no_grad_the_same_values_come_without_a_graph()
    {
        using var model = TinyModel.Create("gemma2");
        using var scope = NewDisposeScope();
        var hidden = Hidden(model);
        var expected = TokenLogProbs.Of(model, hidden, At, Targets, 4);
        using var guard = no_grad();
        var found = TokenLogProbs.Of(model, hidden, At, Targets, 4);
        Assert.False(found.requires_grad);
        PackedForwardTests.AssertClose(expected, found, 0);
    }

    [Fact]
    public void The_first_choice_and_the_aligned_log_probability_of_each_token_come_on_request()
    {
        using var model = TinyModel.Create("llama");
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var hidden = Hidden(model);
        var all = model.Logits(hidden.index_select(0, tensor(At))).log_softmax(-1);
        long[] targets = [.. all.argmax(-1).data<long>().Select((best, i) => i % 2 == 0 ? best : (best + 1) % TinyModel.Vocabulary)];
        var (greedy, aligned) = (zeros(At.Length), zeros(At.Length));
        var logps = TokenLogProbs.Of(model, hidden, At, targets, 2, greedy, aligned);
        Assert.Equal([1f, 0, 1, 0, 1, 0, 1, 0, 1], greedy.data<float>().ToArray());
        PackedForwardTests.AssertClose(logps - (2 * all).logsumexp(-1), aligned, 1e-5);
    }

    [Fact]
    public void Logits_far_beyond_the_range_of_exp_give_finite_values_and_gradients()
    {
        using var model = TinyModel.Create("llama");
        using var scope = NewDisposeScope();
        var hidden = (Hidden(model).detach() * 1e4).requires_grad_();
        var logps = TokenLogProbs.Of(model, hidden, At, Targets, 4);
        BackwardPass.Run(logps.sum());
        Assert.True(logps.isfinite().all().item<bool>());
        Assert.True(logps.min().item<float>() < -1000);
        Assert.True(hidden.grad!.isfinite().all().item<bool>());
    }

    [Fact]
    public void Rows_and_targets_out_of_range_are_refused()
    {
        using var model = TinyModel.Create("llama");
        using var scope = NewDisposeScope();
        var hidden = Hidden(model);
        string Refused(long[] at, long[] targets) => Assert.Throws<ArgumentException>(() => TokenLogProbs.Of(model, hidden, at, targets)).Message;
        Assert.Contains("Target 1 is token 61 after row 0", Refused([0, 0], [1, 61]), StringComparison.Ordinal);
        Assert.Contains("Target 0 is token 1 after row 7", Refused([7], [1]), StringComparison.Ordinal);
        Assert.Contains("1 rows and 2 targets", Refused([0], [1, 2]), StringComparison.Ordinal);
        Assert.Contains("0 rows and 0 targets", Refused([], []), StringComparison.Ordinal);
    }

    [Fact]
    public void An_error_inside_a_custom_backward_comes_out_of_the_backward_pass_once()
    {
        using var scope = NewDisposeScope();
        var x = ones(3).requires_grad_();
        Assert.Equal("broken on purpose", Assert.Throws<InvalidOperationException>(() => BackwardPass.Run(Broken.apply(x).sum())).Message);
        BackwardPass.Run((x * 2).sum());
    }

    private static Tensor Hidden(CausalLM model) =>
        tensor(Enumerable.Range(0, 7 * 24).Select(i => (float)Math.Sin(i * i)).ToArray()).view(7, model.Spec.Hidden).requires_grad_();

    private static Tensor Plain(CausalLM model, Tensor hidden) =>
        model.Logits(hidden.index_select(0, tensor(At))).log_softmax(-1).gather(1, tensor(Targets).unsqueeze(1)).squeeze(1);

    private sealed class Broken : autograd.SingleTensorFunction<Broken>
    {
        public override string Name => nameof(Broken);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars) => ((Tensor)vars[0]).alias();

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
            BackwardPass.Current.Guard(1, () => throw new InvalidOperationException("broken on purpose"));
    }
}
