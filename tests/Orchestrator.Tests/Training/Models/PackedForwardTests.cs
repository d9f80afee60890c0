using System.Collections.Immutable;
using Orchestrator.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Orchestrator.Tests.Training.Models;

public sealed class PackedForwardTests
{
    private static readonly int[] Prompt = TinyModel.Ids(9, 1);
    private static readonly int[] Chosen = TinyModel.Ids(7, 2);
    private static readonly int[] Rejected = TinyModel.Ids(12, 3);

    [Theory]
    [MemberData(nameof(TinyModel.Kinds), MemberType = typeof(TinyModel))]
    public void Packed_sequences_give_each_token_what_it_has_alone(string kind)
    {
        using var model = TinyModel.Create(kind);
        using var scope = NewDisposeScope();
        var batch = Pack();
        var hidden = model.Hidden(batch.Tokens);
        var logps = TokenLogProbs.Of(model, hidden, batch.At, batch.Targets);
        var expected = cat([Alone(model, Prompt, Chosen), Alone(model, Prompt, Rejected), Alone(model, Chosen, Prompt), Alone(model, Chosen, [5])]);
        Assert.Equal([7, 12, 9, 1], batch.Lengths);
        AssertClose(expected, logps, 1e-5);
    }

    [Theory]
    [MemberData(nameof(TinyModel.Kinds), MemberType = typeof(TinyModel))]
    public void Packed_sequences_have_the_gradient_of_each_alone(string kind)
    {
        using var model = TinyModel.Create(kind);
        using var scope = NewDisposeScope();
        var batch = Pack();
        var weights = arange(1, batch.Targets.Length + 1).to(ScalarType.Float32) / 10;
        BackwardPass.Run((TokenLogProbs.Of(model, model.Hidden(batch.Tokens), batch.At, batch.Targets) * weights).sum());
        var packed = Gradients(model);
        var alone = cat([Alone(model, Prompt, Chosen), Alone(model, Prompt, Rejected), Alone(model, Chosen, Prompt), Alone(model, Chosen, [5])]);
        BackwardPass.Run((alone * weights).sum());
        var expected = Gradients(model);
        var norm = Math.Sqrt(expected.Values.Sum(g => g.square().sum().item<float>()));
        Assert.All(expected, pair => Assert.True((pair.Value - packed[pair.Key]).abs().max().item<float>() <= 1e-5 * norm, pair.Key));
    }

    [Fact]
    public void A_shared_prompt_is_packed_once_and_the_last_token_of_an_answer_never()
    {
        var batch = new PackedBatch();
        batch.AddPair([1, 2, 3], [4, 5], [6, 7, 8]);
        batch.AddPair([9], [10], [11]);
        batch.AddSingle([12, 13], [14, 15]);
        Assert.Equal([1, 2, 3, 4, 6, 7, 9, 12, 13, 14], batch.Tokens.Ids.AsSpan().ToArray());
        Assert.Equal([0, 1, 2, 3, 3, 4, 0, 0, 1, 2], batch.Tokens.Positions.AsSpan().ToArray());
        Assert.Equal([new(0, 4, Uncomputed: 1), new(4, 2, 0, 3, 1), new(6, 1, Uncomputed: 1), new(7, 3, Uncomputed: 1)], batch.Tokens.Segments.AsSpan().ToArray());
        Assert.Equal([2, 3, 2, 4, 5, 6, 6, 8, 9], batch.At);
        Assert.Equal([4, 5, 6, 7, 8, 10, 11, 14, 15], batch.Targets);
        Assert.Equal([2, 3, 1, 1, 2], batch.Lengths);
    }

    // Made for 8 positions; the rows have 16, 21, 16 and 8. A pair's answers turn as the longer one does, other rows change nothing.
    [Fact]
    public void Positions_that_turn_by_length_turn_by_that_of_their_own_row()
    {
        var config = TinyModel.Config("llama").Replace("\"max_position_embeddings\":48", "\"max_position_embeddings\":8,\"rope_scaling\":{\"rope_type\":\"dynamic\",\"factor\":3.0}", StringComparison.Ordinal);
        using var model = ModelDirectory.Create(new ModelConfig("made/config.json", config), 1, CPU);
        using var scope = NewDisposeScope();
        var batch = Pack();
        var packed = TokenLogProbs.Of(model, model.Hidden(batch.Tokens), batch.At, batch.Targets);
        Tensor Packed(Action<PackedBatch> add)
        {
            var alone = new PackedBatch();
            add(alone);
            return TokenLogProbs.Of(model, model.Hidden(alone.Tokens), alone.At, alone.Targets);
        }

        var pair = Packed(alone => alone.AddPair(Prompt, Chosen, Rejected));
        AssertClose(cat([pair, Packed(alone => alone.AddPair(Chosen, Prompt, [5]))]), packed, 1e-5);
        AssertClose(cat([Alone(model, Prompt, Rejected), Alone(model, Chosen, Prompt)]), packed.narrow(0, 7, 21), 1e-5);
        Assert.True((Alone(model, Prompt, Chosen) - packed.narrow(0, 0, 7)).abs().max().item<float>() > 1e-3, "the length of its row changes nothing");
    }

    [Fact]
    public void What_cannot_be_packed_is_refused_with_the_rule_it_breaks()
    {
        using var model = TinyModel.Create("gpt2");
        string Refused(long[] ids, long[] positions, params PackedSegment[] segments) =>
            Assert.Throws<ArgumentException>(() => model.Hidden(new PackedTokens([.. ids], [.. positions], [.. segments]))).Message;
        Assert.Contains("has id 61", Refused([1, 61], [0, 1], new PackedSegment(0, 2)), StringComparison.Ordinal);
        Assert.Contains("2 ids and 1 positions", Refused([1, 2], [0], new PackedSegment(0, 2)), StringComparison.Ordinal);
        Assert.Contains("end at token 1, and it has 2", Refused([1, 2], [0, 1], new PackedSegment(0, 1)), StringComparison.Ordinal);
        Assert.Contains("Segment 1 of a pack starts at 0", Refused([1, 2], [0, 1], new(0, 1), new(0, 1)), StringComparison.Ordinal);
        Assert.Contains("Segment 1 of a pack has the 2 tokens from 0", Refused([1, 2], [0, 1], new(0, 1), new(1, 1, 0, 2)), StringComparison.Ordinal);
        Assert.Contains("positions for 48", Refused([1], [48], new PackedSegment(0, 1)), StringComparison.Ordinal);
        Assert.Contains("0 prompt tokens and 1 completion", Assert.Throws<ArgumentException>(() => new PackedBatch().AddSingle([], [1])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gemma2")]
    [InlineData("qwen3")]
    public void A_packed_step_leaves_no_tensor_behind(string kind)
    {
        using var model = TinyModel.Create(kind);
        void Step()
        {
            using var scope = NewDisposeScope();
            var batch = Pack();
            BackwardPass.Run(TokenLogProbs.Of(model, model.Hidden(batch.Tokens), batch.At, batch.Targets).sum());
            using var guard = no_grad();
            TokenLogProbs.Of(model, model.Hidden(batch.Tokens), batch.At, batch.Targets);
        }

        Step();
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        Step();
        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    internal static Dictionary<string, Tensor> Gradients(CausalLM model)
    {
        var found = new Dictionary<string, Tensor>();
        foreach (var (name, parameter) in model.Parameters)
        {
            using var gradient = parameter.grad;
            found[name] = gradient is null ? zeros_like(parameter) : gradient.clone();
            gradient?.zero_();
        }

        return found;
    }

    internal static void AssertClose(Tensor expected, Tensor actual, double tolerance)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(expected.shape, actual.shape);
        var difference = (expected.detach() - actual.detach()).abs().max().ToDouble();
        Assert.True(difference <= tolerance, $"differs by {difference}, tolerance {tolerance}");
    }

    private static PackedBatch Pack()
    {
        var batch = new PackedBatch();
        batch.AddPair(Prompt, Chosen, Rejected);
        batch.AddPair(Chosen, Prompt, [5]);
        return batch;
    }

    /// <summary>The plain way: one sequence, all logits at once, log-softmax.</summary>
    private static Tensor Alone(CausalLM model, int[] prompt, int[] completion)
    {
        var ids = tensor(prompt.Concat(completion).Select(id => (long)id).ToArray());
        var logits = model.Logits(model.Hidden(ids.unsqueeze(0))[0]).narrow(0, prompt.Length - 1, completion.Length);
        return logits.log_softmax(-1).gather(1, ids.narrow(0, prompt.Length, completion.Length).unsqueeze(1)).squeeze(1);
    }
}
